"""Tests for sb3_prune_export/c/rules/products.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from .. import running


@pytest.mark.parametrize("sizes", [(1, 1), (3, 5), (4, 4), (17, 19), (8, 6)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_layers_of_any_size(sizes: tuple[int, int], bias: bool) -> None:
    net = nn.Sequential(nn.Linear(*sizes, bias=bias), nn.Tanh(), nn.Linear(sizes[1], 2))
    assert running.difference(net, torch.randn(1, sizes[0])) < 1e-5


def test_rows_are_padded_so_that_no_loop_is_left_over() -> None:
    text, code = running.written(nn.Linear(3, 5), torch.randn(1, 3))
    assert "3 -> 5, padded to 8" in text
    assert code.sizes == {"f": 8}


def test_several_rows_share_the_weights() -> None:
    net = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    assert running.difference(net, torch.randn(1, 4, 5)) < 1e-5


def test_attention_multiplies_what_is_not_constant() -> None:
    net = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(1, 5, 8)
    assert running.difference(lambda x: net(x, x, x)[0], x) < 1e-5
    assert running.difference(torch.mm, torch.randn(2, 3), torch.randn(3, 4)) < 1e-5
