"""Heads: the tensors of a policy that have one entry for each action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.networks.perceptrons import Role, find_perceptrons
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.transplanting.ids import Sources


@dataclass(frozen=True)
class Head:
    """An output layer with entries for each action."""

    slots: tuple[Slot, ...]
    """Rows of its weight, and its bias; gSDE's ``log_std`` has them as columns."""
    role: Role
    """Whether it says actions or values."""
    repeats: int
    """How often the actions occur one after another: once for each quantile."""

    def sources(self, actions: Sources, old: int) -> Sources:
        """Return which old entry each new entry of the head is.

        Args:
            actions: Which old action each new action is.
            old: Number of old actions.
        """
        return tuple(
            None if source is None else repeat * old + source
            for repeat in range(self.repeats)
            for source in actions
        )


def count_actions(space: spaces.Space[object]) -> int:
    """Return the number of actions: of choices, switches or dimensions.

    Raises:
        TransplantError: It is a space that no algorithm of SB3 has.
    """
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return int(np.sum(space.nvec))
    if isinstance(space, spaces.MultiBinary):
        return int(np.prod(space.shape))
    if isinstance(space, spaces.Box):
        return int(np.prod(space.shape))
    raise TransplantError(f"Actions of a {type(space).__name__} cannot be mapped.")


def find_heads(policy: nn.Module, actions: int) -> list[Head]:
    """Return the output layers that have entries for each action.

    Args:
        policy: The policy, with its target networks.
        actions: Number of actions.

    Raises:
        TransplantError: There is none, or one has another number of outputs.
    """
    found = []
    for perceptron in find_perceptrons(policy):
        if not perceptron.role.acts:
            continue
        for head in perceptron.heads or perceptron.linears()[-1:]:
            if isinstance(head, nn.Linear):
                found.append(_head(head, perceptron.role, actions))
    if not found:
        raise TransplantError(
            f"{type(policy).__name__} has no output layer for actions that is known."
        )
    return [*found, *_deviations(policy, actions)]


def _head(linear: nn.Linear, role: Role, actions: int) -> Head:
    repeats, rest = divmod(linear.out_features, actions)
    if rest:
        raise TransplantError(
            f"An output layer has {linear.out_features} outputs, which is no multiple "
            f"of the {actions} actions."
        )
    names = ["weight"] if linear.bias is None else ["weight", "bias"]
    return Head(tuple(Slot(linear, n, 0, Side.ROWS) for n in names), role, repeats)


def _deviations(policy: nn.Module, actions: int) -> Iterator[Head]:
    """Yield the parameters ``log_std``, whose last axis is that of the actions.

    With ``full_std=False``, gSDE has one column for all actions.
    """
    for module in policy.modules():
        log_std = module._parameters.get("log_std")
        one = not getattr(getattr(module, "action_dist", None), "full_std", True)
        if log_std is not None and log_std.shape[-1] == actions and not one:
            slot = Slot(module, "log_std", log_std.ndim - 1, Side.UNIT, neutral=0.0)
            yield Head((slot,), Role.POLICY, 1)
