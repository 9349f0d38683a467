r"""Decay: the penalty :math:`\frac{\lambda}{2} \|M\|^2` on the weights M.

Its gradient is :math:`\lambda M`, which is what an optimiser's weight decay adds.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch

OPTION = "weight_decay"


class Handle(Protocol):
    """Handle of a hook."""

    def remove(self) -> None:
        """Remove the hook."""


def add_decay(optimizer: torch.optim.Optimizer, strength: float) -> list[Handle]:
    """Add weight decay to an optimiser, only while it steps.

    Between steps, the optimiser has its own weight decay, so a saved optimiser does not
    contain the added one.

    Args:
        optimizer: The optimiser. Nothing happens if it has no option ``weight_decay``.
        strength: lambda, the weight decay to add.

    Returns:
        The handles of the hooks; removing them removes the added decay.
    """
    own: list[float] = []

    def before(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        own[:] = [group[OPTION] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group[OPTION] += strength

    def after(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group, decay in zip(optimizer.param_groups, own, strict=True):
            group[OPTION] = decay

    if OPTION not in optimizer.defaults:
        return []
    return [
        optimizer.register_step_pre_hook(before),
        optimizer.register_step_post_hook(after),
    ]
