"""Tests for transplanting/grids.py."""

from __future__ import annotations

import pytest
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.grids import Grid, _stride, find_grids, positions
from transplanting.looks import SPACES, image, untrained


@pytest.mark.parametrize("name", ["PPO", "DQN"])
def test_nature_cnn_flattens_one_picture(name: str) -> None:
    grids = find_grids(untrained(name, image(1, 44, 84)).policy)
    assert set(grids.values()) == {Grid(size=(2, 7), stride=(8, 8))}
    ends = {path.rpartition("features_extractor.")[2] for path in grids}
    assert ends == {f"cnn.{place}" for place in range(6)}


def test_other_policies_flatten_none() -> None:
    assert find_grids(untrained("PPO", SPACES["rows"]).policy) == {}


def test_strides_multiply_unless_nobody_knows_them() -> None:
    conv = nn.Conv2d(1, 1, 3, stride=(2, 3))
    assert _stride([conv, nn.ReLU(), nn.MaxPool2d(2)]) == (4, 6)
    assert _stride([conv, nn.AdaptiveAvgPool2d(2)]) == (0, 0)


def test_positions() -> None:
    old, new = (Grid(size=size, stride=(8, 4)) for size in ((2, 2), (2, 3)))
    assert positions(old, new, (0, 0)) == (0, 1, None, 2, 3, None)
    assert positions(old, new, (0, 4)) == (None, 0, 1, None, 2, 3)
    assert positions(old, new, (-8, 0)) == (2, 3, None, None, None, None)
    with pytest.raises(TransplantError, match="multiples of 8"):
        positions(old, new, (4, 4))
    for shift in ((4, 4), (0, 0)):
        with pytest.raises(TransplantError, match="nobody knows the stride"):
            positions(Grid(size=(2, 2), stride=(0, 0)), new, shift)
