"""Tests for sb3_prune_export/c/groups.py."""

from __future__ import annotations

import torch
from sb3_prune_export.c.groups import layout, merge
from sb3_prune_export.c.numbers import FLOAT
from sb3_prune_export.c.views import Buffer, contiguous
from torch import nn

from . import running


def test_axes_that_are_walked_as_one_are_joined() -> None:
    assert merge((2, 3, 4), [(12, 4, 1), (12, 4, 1)]) == ([24], [[1], [1]])
    assert merge((2, 3), [(3, 1), (0, 1)]) == ([2, 3], [[3, 1], [0, 1]])
    assert merge((2, 3), [(1, 2), (1, 2)]) == ([6], [[1], [1]])


def test_a_result_lies_as_its_operand_does() -> None:
    view = contiguous(Buffer(number=FLOAT, size=6), (2, 3))
    assert layout((3, 2), [view.of(view.meta.T)]) == (1, 3)
    assert layout((2, 2), [view.of(view.meta[:, :2])]) == (2, 1)


def test_operations_share_a_loop_and_leave_no_trace_in_memory() -> None:
    x = torch.randn(1, 7)
    text, code = running.written(lambda x: torch.tanh(x * 2 + 1) - x, x)
    assert len(code.blocks) == 2  # The loop, and the copy to the output.
    assert code.sizes == {"f": 7}
    assert "const float t0 = x[i] * 2.0f;" in text


def test_an_lstm_cell_is_two_products_and_one_loop() -> None:
    cell, state = nn.LSTMCell(3, 5), (torch.randn(1, 5), torch.randn(1, 5))
    _, code = running.written(
        lambda x, h, c: cell(x, (h, c)), torch.randn(1, 3), *state
    )
    assert len(code.blocks) <= 6


def test_a_group_that_needs_another_order_is_another_group() -> None:
    def reversed_sum(x: torch.Tensor) -> torch.Tensor:
        y = torch.exp(x)
        return y + y.view(1, 2, 2).transpose(1, 2).reshape(1, 4)

    assert running.difference(reversed_sum, torch.randn(1, 4)) < 1e-6
