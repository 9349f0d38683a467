"""Tests for sb3_prune_export/c/views.py."""

from __future__ import annotations

from sb3_prune_export.c.numbers import FLOAT
from sb3_prune_export.c.views import Buffer, contiguous, is_dense, row_major


def test_a_view_is_reshaped_as_torch_does() -> None:
    view = contiguous(Buffer(number=FLOAT, size=12), (3, 4))
    turned = view.of(view.meta.T[1:])
    assert turned.buffer is view.buffer
    assert (turned.shape, turned.strides, turned.offset) == ((3, 3), (1, 4), 1)


def test_padded_rows_leave_gaps() -> None:
    assert row_major((2, 3), padded=4) == [4, 1]
    padded = contiguous(Buffer(number=FLOAT, size=8), (2, 3), padded=4)
    assert padded.strides == (4, 1)
    assert row_major(()) == []


def test_dense_places_are_all_places_in_some_order() -> None:
    assert is_dense((2, 3), (3, 1))
    assert is_dense((2, 3), (1, 2))
    assert not is_dense((2, 3), (4, 1))
    assert not is_dense((2, 3), (0, 1))
