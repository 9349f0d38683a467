"""Tests for sb3_prune_export/c/pointwise.py."""

from __future__ import annotations

import torch

from . import running


def test_a_constant_of_equal_numbers_is_a_literal() -> None:
    limits = torch.full((1, 4), 2.5)
    text, code = running.written(lambda x: x * limits, torch.randn(1, 4))
    assert "x[i] * 2.5f" in text
    assert code.weights == 0


def test_shapes_broadcast() -> None:
    rows, columns = torch.randn(1, 3, 1), torch.randn(1, 1, 4)
    assert running.difference(lambda a, b: a * b + a, rows, columns) < 1e-6


def test_types_mix_as_in_torch() -> None:
    whole, real = torch.tensor([[3, -2]]), torch.tensor([[0.5, -2.0]])
    byte = torch.tensor([[200, 7]], dtype=torch.uint8)

    def mixed(n: torch.Tensor, x: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.cat([n / 2, n * x, n >= x, b * 2.5, (b > n) * x, b + n], 1)

    assert running.difference(mixed, whole, real, byte) < 1e-6
