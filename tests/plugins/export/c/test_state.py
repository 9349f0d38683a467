"""Tests for sb3_prune_export/c/state.py."""

from __future__ import annotations

import pytest
import torch
from sb3_prune_export.c.state import Lowering

from sb3_prune.exceptions import ExportError


def test_equal_arrays_are_stored_once() -> None:
    state = Lowering()
    one, same = (state.array(torch.arange(4.0)) for _ in range(2))
    other = state.array(torch.arange(5.0))
    assert one.buffer is same.buffer is not other.buffer
    assert len(state.arrays) == 2


def test_equal_bytes_of_other_types_are_other_arrays() -> None:
    state = Lowering()
    zeros = [torch.zeros(4), torch.zeros(2, dtype=torch.float64)]
    assert len({state.array(each).buffer for each in zeros}) == 2


def test_types_without_a_counterpart_are_refused() -> None:
    with pytest.raises(ExportError, match=r"torch.bfloat16, which C lacks"):
        Lowering(module="net").number(torch.bfloat16)
