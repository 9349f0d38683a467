"""Tests for base.py."""

from __future__ import annotations

import torch

from sb3_prune.penalties import Penalty

W, V = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])


class Squares(Penalty):
    """Half the squares of the incoming weights."""

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        del outgoing
        return incoming.square().sum() / 2


class Product(Penalty):
    """The product of all sums."""

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        return incoming.sum() * outgoing.sum()


@torch.no_grad()
def test_a_value_is_enough() -> None:
    """Hooks run where gradients are off."""
    first, second = Squares().gradients(W, V)
    assert isinstance(first, torch.Tensor)
    assert first.tolist() == [[1.0, 2.0]]
    assert second is None
    first, second = Product().gradients(W, V)
    assert isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor)
    assert (first.tolist(), second.tolist()) == ([[3.0, 3.0]], [[3.0]])
    assert not W.requires_grad
