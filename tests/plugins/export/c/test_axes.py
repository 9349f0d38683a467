"""Tests for sb3_prune_export/c/axes.py."""

from __future__ import annotations

from sb3_prune_export.c.axes import place, split
from sb3_prune_export.c.numbers import FLOAT
from sb3_prune_export.c.views import Buffer, contiguous


def test_axes_of_length_one_need_no_loop() -> None:
    view = contiguous(Buffer(number=FLOAT, size=24), (1, 2, 3, 4))
    outer, inner = split(view, [-1])
    assert (outer.sizes, inner.sizes) == ((2, 3), (4,))
    assert outer.place(view) == "12 * i + 4 * j"
    assert inner.place(view) == "p"


def test_no_axes_are_all_axes() -> None:
    view = contiguous(Buffer(number=FLOAT, size=6), (2, 3))
    outer, inner = split(view, None)
    assert (outer.place(view), inner.place(view)) == ("0", "3 * p + q")


def test_an_index_has_only_what_moves() -> None:
    assert place(("i", "j", "k"), (2, 1, 3), (9, 5, 1)) == "9 * i + k"
    assert place(("i",), (4,), (0,)) == "0"
