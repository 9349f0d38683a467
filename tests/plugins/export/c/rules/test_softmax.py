"""Tests for sb3_prune_export/c/rules/softmax.py."""

from __future__ import annotations

import pytest
import torch

from .. import running


@pytest.mark.parametrize("axis", [1, 2])
def test_softmax_agrees_with_torch(axis: int) -> None:
    def both(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.softmax(axis), x.log_softmax(axis)], 1)

    assert running.difference(both, torch.randn(1, 3, 4) * 50) < 1e-5
