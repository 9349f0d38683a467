"""Tests for sb3_prune_export/c/rules/convolutions.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sb3_prune.exceptions import ExportError

from .. import running

CONVOLUTIONS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "plain": (nn.Conv2d(3, 5, 3), (1, 3, 7, 8)),
    "strides": (nn.Conv2d(2, 4, (2, 3), (2, 1), bias=False), (1, 2, 7, 8)),
    "padding": (nn.Conv2d(2, 4, 3, padding=(1, 2), dilation=2), (1, 2, 7, 8)),
    "groups": (nn.Conv2d(4, 6, 3, groups=2, padding=1), (1, 4, 5, 5)),
    "one axis": (nn.Conv1d(3, 4, 3, 2, padding=1), (1, 3, 9)),
    "two layers": (
        nn.Sequential(
            nn.Conv2d(1, 4, 4, 2), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.Flatten()
        ),
        (1, 1, 12, 12),
    ),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_agree_with_torch(name: str) -> None:
    module, shape = CONVOLUTIONS[name]
    assert running.difference(module, torch.randn(shape)) < 1e-5


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.ConvTranspose2d(2, 3, 3), (1, 2, 5, 5)),
        (nn.Conv3d(2, 3, 2), (1, 2, 4, 4, 4)),
    ],
)
def test_others_are_refused_by_name(module: Any, shape: tuple[int, ...]) -> None:
    net = nn.Sequential(nn.Identity(), module)
    with pytest.raises(ExportError, match="'convolution' of module '1 "):
        running.written(net, torch.randn(shape))
