"""Tests for sb3_prune_export/c/rules/normalisation.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from .. import running

NORMS = {
    "layer": (nn.LayerNorm(6), (1, 6)),
    "plain layer": (nn.LayerNorm((3, 6), elementwise_affine=False), (1, 3, 6)),
    "batch": (nn.BatchNorm1d(6), (1, 6)),
    "picture": (nn.BatchNorm2d(4, affine=False), (1, 4, 3, 3)),
    "group": (nn.GroupNorm(2, 4), (1, 4, 3, 3)),
    "rows": (nn.LayerNorm(4), (1, 5, 4)),
}


@pytest.mark.parametrize("name", NORMS)
def test_normalisations_agree_with_torch(name: str) -> None:
    module, shape = NORMS[name]
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 2)
    assert running.difference(module, torch.randn(shape) * 3 + 1) < 1e-5
