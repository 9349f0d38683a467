"""Moments: what optimisers remember of weights, for the weights of a new agent."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.edits import Edit, run
from sb3_prune.surgery.optimizer import optimizers, state_of

SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum")
"""Moments of an optimiser by which it divides its steps."""
AVERAGES = ("exp_avg", "momentum_buffer", "grad_avg", "exp_inf")
"""Moments that are as large as gradients."""
KEEPING = ("amsgrad", "centered", "momentum")
"""Settings of an optimiser that tell which moments it keeps."""


def carry_moments(
    old: BaseAlgorithm,
    new: BaseAlgorithm,
    edits: Mapping[int, Sequence[Edit]],
    paths: Mapping[int, str],
    scales: Mapping[str, float],
) -> None:
    """Give the optimisers of a new agent what those of an old one remember.

    Moments of new weights are 0, but squares by which steps are divided are the mean of
    those of carried ones: with a step count that is not theirs, zeros would make their
    first step several times too large.

    Args:
        old: The old agent; it stays as it is.
        new: The new agent.
        edits: What becomes of each tensor of the old agent, by its id.
        paths: Where its parameters are in the new policy, by their ids; others are
            left out.
        scales: By path, what inputs of a weight are multiplied by in the new agent: so
            are its gradients.
    """
    parameters = dict(new.policy.named_parameters())
    theirs = optimizers(new)
    for name, optimizer in optimizers(old).items():
        if not _fits(name, optimizer, theirs.get(name)):
            continue
        for parameter, state in optimizer.state.items():
            path = paths.get(id(parameter))
            if path is None:
                continue
            moments = state_of(name, optimizer, cast("nn.Parameter", parameter))
            own, scale = edits.get(id(parameter), ()), scales.get(path, 1.0)
            theirs[name].state[parameters[path]] = {
                key: _moment(key, v, own, scale) if key in moments else copy.deepcopy(v)
                for key, v in state.items()
            }


def _moment(
    key: str, moment: torch.Tensor, edits: Sequence[Edit], scale: float
) -> torch.Tensor:
    found = run(edits, moment, moment=True).clone()
    kept = run(edits, torch.ones_like(moment), moment=True) > 0
    known = found[kept & (found != 0)]  # Masked weights and dead units have none.
    if key in SQUARES and known.numel():
        found[~kept] = known.mean()
    power = 2 if key in SQUARES else int(key in AVERAGES)
    return found * scale**power


def left_states(old: BaseAlgorithm, new: BaseAlgorithm) -> tuple[str, ...]:
    """Return which optimisers begin anew, one sentence each.

    Args:
        old: The old agent.
        new: The new one.
    """
    theirs = optimizers(new)
    return tuple(
        f"The moments of '{name}' ({type(optimizer).__name__}) stay behind."
        for name, optimizer in optimizers(old).items()
        if optimizer.state and not _fits(name, optimizer, theirs.get(name))
    )


def _fits(name: str, old: torch.optim.Optimizer, new: Any) -> bool:
    """Tell whether a new optimiser can go on with states that follow their weights."""
    try:
        for parameter in old.state:
            state_of(name, old, cast("nn.Parameter", parameter))
    except PlanError:  # Adafactor, say, keeps sums over rows and columns.
        return False
    return alike(old, new)


def alike(old: torch.optim.Optimizer, new: Any) -> bool:
    """Tell whether two optimisers keep the same moments.

    Args:
        old: An optimiser.
        new: Another one, or anything else.
    """
    if type(old) is not type(new):
        return False
    ours, theirs = old.param_groups[0], new.param_groups[0]
    return all(bool(ours.get(k)) == bool(theirs.get(k)) for k in KEEPING)
