"""Rounding: how far what a policy computes is from the same in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.quiet import quiet

Ask = Callable[..., Any]
"""What is asked of a policy, followed by the policy's inputs."""
SHARE = 10
"""How many times the agent's rounding an export may be off: it adds numbers up in
another order, one by one perhaps, which rounds worse than blocks of them."""
MOST = 100
"""How many times the tolerance is granted at most: code that rounds, or compares, may
jump between float32 and float64, and that is no measure."""


def rounding(policy: nn.Module, ask: Ask, inputs: Sequence[Any]) -> list[float]:
    r"""Return how far answers in float32 are from those in float64.

    .. math:: \max_i |f_{32}(x_i) - f_{64}(x_i)|

    Observations in thousands, or weights that cancel each other out, make this larger
    than usual.

    Args:
        policy: The policy.
        ask: Called with the policy and the inputs, returns tensors, nested in any way.
        inputs: What else it is called with: tensors, nested in any way.

    Returns:
        The largest finite difference of each tensor; zeros if the policy cannot be run
        in float64.
    """
    ours = _asked(policy, ask, inputs)
    try:
        its = _asked(copy.deepcopy(policy).double(), ask, _doubled(inputs))
    except Exception:  # Anybody's networks: no rounding is known, none is granted.
        return [0.0] * len(ours)
    apart = [(a - b).abs() for a, b in zip(ours, its, strict=True)]
    return [float(each.nan_to_num(0, 0).max()) for each in apart]


def _asked(policy: nn.Module, ask: Ask, inputs: Sequence[Any]) -> list[torch.Tensor]:
    with quiet(policy):
        return [each.double() for each in leaves(ask(policy, *inputs))]


def _doubled(nested: Any) -> Any:
    if isinstance(nested, dict):
        return {key: _doubled(inner) for key, inner in nested.items()}
    if isinstance(nested, list | tuple):
        return type(nested)(map(_doubled, nested))
    floats = isinstance(nested, torch.Tensor) and nested.is_floating_point()
    return nested.double() if floats else nested
