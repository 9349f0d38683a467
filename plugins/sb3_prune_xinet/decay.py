r"""Decay: :math:`\frac{\lambda}{2} \|M\|^2`, added by the optimiser of the weights."""

from __future__ import annotations

import torch

BEFORE = "weight_decay_before"
"""Where a group keeps its own decay. It is saved with the optimiser, so that a run that
is resumed does not add to a decay that was added to."""


def add_decay(optimizer: torch.optim.Optimizer, strength: float) -> None:
    """Let an optimiser decay by that much more; doing it twice changes nothing.

    Args:
        optimizer: One with weight decay; others are left as they are.
        strength: lambda, whose gradient lambda M is what weight decay adds.
    """
    for group in optimizer.param_groups:
        if "weight_decay" in group:
            before = group.setdefault(BEFORE, group["weight_decay"])
            group["weight_decay"] = before + strength


def restore_decay(optimizer: torch.optim.Optimizer) -> None:
    """Let an optimiser decay as it did before."""
    for group in optimizer.param_groups:
        if BEFORE in group:
            group["weight_decay"] = group.pop(BEFORE)
