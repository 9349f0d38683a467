"""Tests for sb3_prune_export/c/rules/indexing.py."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .. import running


def test_tensors_are_joined_along_any_axis() -> None:
    a, b = torch.randn(1, 2, 3), torch.randn(1, 2, 3)

    def joined(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.cat([a, b], -1), torch.stack([a, b], 3).flatten(2)], 1)

    assert running.difference(joined, a, b) == 0


def test_rows_of_a_table_are_looked_up() -> None:
    table = nn.Embedding(5, 3)
    assert running.difference(table, torch.tensor([[4, 0]])) == 0


def test_a_place_outside_of_a_table_reads_nothing_outside() -> None:
    text, _ = running.written(nn.Embedding(2, 1), torch.tensor([1]))
    broken = text.replace("net_test_in_0[1] = {\n    1", "net_test_in_0[1] = {\n    99")
    assert broken != text
    assert running.measured(broken, running.require("gcc"), "-std=c99") == 0


def test_chosen_numbers() -> None:
    x, n = torch.randn(1, 3, 4), torch.tensor([2, 0])
    assert running.difference(lambda x, n: x.index_select(1, n), x, n) == 0
    assert running.difference(lambda x, n: x.index_select(2, n), x, n) == 0
    places = torch.tensor([[[0, 3], [1, 1], [2, 0]]])
    assert running.difference(lambda x, p: x.gather(2, p), x, places) == 0


def test_tensors_are_surrounded_and_cut() -> None:
    x = torch.randn(1, 3, 4)
    assert (
        running.difference(lambda x: functional.pad(x, (1, 2, 0, 1), value=0.5), x) == 0
    )
    assert running.difference(lambda x: functional.pad(x, (-1, 2)), x) == 0


def test_no_block_writes_a_surrounded_tensor_through_two_pointers() -> None:
    """They are restrict, so in one block that would be undefined."""
    x = torch.randn(1, 3, 4)
    text, code = running.written(lambda x: functional.pad(x, (1, 2), value=0.5), x)
    assert all(len(block.writes) == 1 for block in code.blocks)
    assert len(code.blocks) == 3 and "NET_RESTRICT y1" not in text

    def after(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        padded = functional.pad(y, (1, 0), value=0.5)
        return padded * torch.cat([y[..., :1], y], -1) + padded

    assert running.difference(after, x) < 1e-6
