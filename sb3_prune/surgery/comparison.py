"""Comparison: the outputs of a policy, and how far they moved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sb3_prune.surgery.flow.forwards import Forward, all_forwards, sample_inputs
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.quiet import exact_arithmetic, noise, quiet, seed_torch

Outputs = list[tuple[str, torch.Tensor]]
"""Names of forwards, each with one of the tensors that the forward returned."""


def outputs(
    policy: nn.Module,
    mode: TorchFunctionMode | None = None,
    count: int = 5,
    *,
    choices: bool = True,
) -> Outputs:
    """Return the outputs of every forward of a policy for random inputs.

    Args:
        policy: The policy; it stays as it is.
        mode: A torch function mode to run under.
        count: Number of inputs.
        choices: Include integers, such as the action of the largest value. Rounding
            alone can change them.
    """
    found = []
    with quiet(policy), exact_arithmetic():
        forwards = all_forwards(policy, sample_inputs(policy, count, 7))
        for name, call in repeatable(policy, forwards):
            seed_torch(0)
            if mode is None:
                result = call()
            else:
                with mode:
                    result = call()
            kept = [t for t in leaves(result) if choices or t.is_floating_point()]
            found += [(name, t.detach().cpu().double().clone()) for t in kept]
    return found


def repeatable(policy: nn.Module, forwards: Iterable[Forward]) -> Iterator[Forward]:
    """Yield the forwards that do not draw anew after a cut, as gSDE's actors do."""
    drawn = any(noise(module) is not None for module in policy.modules())
    for name, call in forwards:
        if not drawn or name not in ("actor", "actor.action_log_prob"):
            yield name, call


def moved(before: Outputs, after: Outputs) -> dict[str, float]:
    """Return how far the outputs of each forward moved; inf if an output is NaN.

    The distance is relative to the largest finite entry of an output, if that is above
    1. Equal infinities have not moved.
    """
    far: dict[str, float] = {}
    for (name, x), (_, y) in zip(before, after, strict=True):
        finite = x[x.isfinite()].abs()
        largest = max(1.0, float(finite.max())) if len(finite) else 1.0
        # Where both are infinite, as the values of actions that do not exist, x - y is
        # NaN.
        distance = (x - y).abs().masked_fill(x == y, 0.0)
        moved_by = float(distance.max()) / largest if distance.numel() else 0.0
        moved_by = torch.inf if math.isnan(moved_by) else moved_by
        far[name] = max(far.get(name, 0.0), moved_by)
    return far
