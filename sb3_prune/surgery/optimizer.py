"""Optimisers: find those of a policy, and move their state to new parameters."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn


def optimizers(policy: nn.Module) -> dict[str, torch.optim.Optimizer]:
    """Return the optimisers of a policy and its networks by path.

    For example ``{"actor.optimizer": ..., "critic.optimizer": ...}`` for SAC and
    ``{"optimizer": ...}`` for PPO.
    """
    found = {}
    for name, module in policy.named_modules():
        optimizer = getattr(module, "optimizer", None)
        if isinstance(optimizer, torch.optim.Optimizer):
            found[f"{name}.optimizer".lstrip(".")] = optimizer
    return found


def move_state(
    optimizer: torch.optim.Optimizer,
    replaced: Mapping[nn.Parameter, nn.Parameter],
    states: Mapping[nn.Parameter, Mapping[str, torch.Tensor]],
) -> None:
    """Let an optimiser step the new parameters with the state of the old ones.

    Args:
        optimizer: Any torch optimiser.
        replaced: New parameter of each old one.
        states: New tensors of the state of an old parameter; the rest is kept.
    """
    for group in optimizer.param_groups:
        group["params"] = [replaced.get(p, p) for p in group["params"]]
    for old, new in replaced.items():
        if old in optimizer.state:
            optimizer.state[new] = optimizer.state.pop(old) | dict(states.get(old, {}))
