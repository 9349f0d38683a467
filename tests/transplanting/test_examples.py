"""Tests for transplanting/examples.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.examples import count_inputs, examples_of, mapped
from sb3_prune.transplanting.plain import Plain


def test_vectors_are_drawn_without_touching_a_random_state() -> None:
    net = nn.Sequential(nn.Linear(5, 2), nn.Linear(2, 7)).double()
    before = torch.get_rng_state()
    found = examples_of(net, None)
    assert found.shape == (1024, 5) and found.dtype is torch.float64
    assert torch.equal(torch.get_rng_state(), before)


def test_given_ones_get_the_precision_of_the_module() -> None:
    given = np.ones((3, 5))
    found = examples_of(nn.Linear(5, 2), given)
    assert found.dtype is torch.float32 and found.tolist() == given.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "example is missing"),
        ("x", "example must be a tensor, got 'x'"),
        (torch.ones(2, 5, dtype=torch.int64), r"got torch.int64 of \(2, 5\)"),
        (torch.ones(5), r"got torch.float32 of \(5,\)"),
        (torch.ones(0, 5), "finite and not empty"),
        (torch.full((2, 5), torch.nan), "finite and not empty"),
    ],
)
def test_others_are_refused(given: Any, message: str) -> None:
    with pytest.raises(TransplantError, match=message):
        examples_of(nn.Conv1d(5, 2, 1), given)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (None, 5),
        (3, 5),
        ([0, None], 2),
        ({0: 1, 1: None, 2: 0}, 3),
        ({"old": "ab", "new": "abcd"}, 4),
    ],
)
def test_a_map_tells_the_number_of_inputs(given: Any, count: int) -> None:
    assert count_inputs(given, 5) == count


def test_channels_and_vectors_are_mapped() -> None:
    images = torch.rand(4, 2, 3, 3)
    found = mapped(Plain("It", nn.Conv2d(2, 1, 1), images), (1, None, 0), nn.Flatten())
    assert found.shape == (4, 3, 3, 3)
    assert torch.equal(found[:, [2, 0]], images) and bool(found[:, 1].std() > 0.5)
    vectors = torch.rand(4, 2)
    double = nn.Linear(2, 1).double()
    found = mapped(Plain("It", nn.Linear(2, 1), vectors), (1, 1), double)
    assert torch.equal(found, vectors[:, [1, 1]].double())
