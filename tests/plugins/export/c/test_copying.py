"""Tests for sb3_prune_export/c/copying.py."""

from __future__ import annotations

import torch

from . import running


def test_a_turned_tensor_is_copied_in_order() -> None:
    x = torch.randn(1, 3, 4)
    text, _ = running.written(lambda x: x.transpose(1, 2).reshape(1, 12) * 2, x)
    assert ", in order" in text
    assert running.difference(lambda x: x.transpose(1, 2).reshape(1, 12) * 2, x) == 0


def test_a_reshaped_tensor_is_not_copied() -> None:
    x = torch.randn(1, 12)
    text, _ = running.written(lambda x: x.view(1, 3, 4)[:, 1:].flatten(1) * 2, x)
    assert ", in order" not in text
