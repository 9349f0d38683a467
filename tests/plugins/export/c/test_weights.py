"""Tests for sb3_prune_export/c/weights.py."""

from __future__ import annotations

import torch
from sb3_prune_export.c.weights import LARGEST, quantised


def test_weights_are_rounded_to_half_a_step_of_their_output() -> None:
    weight = torch.randn(20, 5) * torch.tensor([0.01, 1, 10, 0, 3])
    whole, scale = quantised(weight)
    assert whole.dtype is torch.int8
    assert whole.abs().max() == LARGEST
    assert ((whole * scale - weight).abs() <= scale / 2 * 1.001).all()
    assert (whole[:, 3] == 0).all()


def test_whole_weights_are_kept_exactly() -> None:
    weight = torch.arange(-127.0, 128).reshape(-1, 1)
    whole, scale = quantised(weight)
    torch.testing.assert_close(whole * scale, weight)
