"""Tests for sb3_prune_export/c/rules/pooling.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sb3_prune.exceptions import ExportError

from .. import running

POOLS: list[Any] = [
    nn.MaxPool2d(2),
    nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
    nn.AvgPool2d((2, 3), 1),
    nn.AvgPool2d(3, 2, padding=1),
    nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
    nn.AdaptiveAvgPool2d(1),
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_pools_agree_with_torch(pool: Any) -> None:
    assert running.difference(pool, torch.randn(1, 3, 7, 8)) < 1e-6


def test_windows_that_reach_beyond_are_refused_for_means() -> None:
    with pytest.raises(ExportError, match="ceil_mode"):
        running.written(nn.AvgPool2d(3, 2, ceil_mode=True), torch.randn(1, 3, 7, 8))


def test_windows_beyond_the_picture_read_nothing_there() -> None:
    """Sanitisers see it otherwise."""
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    assert running.difference(pool, torch.randn(1, 2, 6, 8)) == 0
