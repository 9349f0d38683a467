r"""Decay: :math:`\frac{\lambda}{2} \|M\|^2`, added by the optimiser of the weights."""

from __future__ import annotations

from typing import Any, Protocol

import torch

OPTION = "weight_decay"


class Handle(Protocol):
    """What takes a hook away again."""

    def remove(self) -> None:
        """Take it away."""


def add_decay(optimizer: torch.optim.Optimizer, strength: float) -> list[Handle]:
    """Let an optimiser decay by that much more, in its steps only.

    Between them it has its own decay, so whoever saves it saves that.

    Args:
        optimizer: One with weight decay; others are left as they are.
        strength: lambda, whose gradient lambda M is what weight decay adds.

    Returns:
        What takes the decay away again.
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
