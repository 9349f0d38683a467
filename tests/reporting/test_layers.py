"""Tests for reporting/layers.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_prune.reporting.layers import DOTS, LayerPicture, pictures


@given(st.integers(0, DOTS), st.integers(0, DOTS))
def test_every_unit_has_one_dot(before: int, after: int) -> None:
    picture = LayerPicture(name="0", before=before, after=after)
    dots = {kind: path.count("M") for kind, path in picture.paths().items()}
    assert dots["kept"] == min(before, after)
    assert dots["gone"] == max(0, before - after)
    assert dots["new"] == max(0, after - before)
    assert picture.grown is (after > before)


@pytest.mark.parametrize(("units", "each"), [(256, 1), (257, 2), (65_536, 256)])
def test_large_layers_have_dots_of_several_units(units: int, each: int) -> None:
    picture = LayerPicture(name="0", before=units, after=1)
    assert picture.each == each
    assert sum(path.count("M") for path in picture.paths().values()) <= DOTS
    assert picture.paths()["kept"].count("M") == 1  # One unit does not vanish.


def test_dots_lie_in_the_picture() -> None:
    picture = LayerPicture(name="0", before=20, after=3)
    width, height = picture.size
    for path in picture.paths().values():
        places = [p.removesuffix("h0").split() for p in path.split("M")[1:]]
        assert all(0 < int(x) < width and 0 < int(y) < height for x, y in places)


def test_layers_belong_to_networks() -> None:
    before = {"actor.mu.0": 8, "actor.mu.2": 9, "lstm": 4}
    found = pictures(before, {"actor.mu.0": 3, "lstm": 4})
    assert [(p.name, p.before, p.after) for p in found["actor.mu"]] == [
        ("0", 8, 3),
        ("2", 9, 0),
    ]
    assert [p.name for p in found["network"]] == ["lstm"]
