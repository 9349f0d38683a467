"""Heads: the tensors of a policy that have one entry for each action."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib.common.maskable.distributions import MaskableBernoulliDistribution
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BaseModel
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
    block: int = 1
    """Outputs of each action: two for a switch of MaskablePPO, off and on."""
    switches: bool = False
    """Whether actions are switches, each of which is on or off."""

    def sources(self, actions: Sources, old: int) -> Sources:
        """Return which old entry each new entry of the head is.

        Args:
            actions: Which old action each new action is.
            old: Number of old actions.
        """
        return tuple(
            None if source is None else (repeat * old + source) * self.block + entry
            for repeat in range(self.repeats)
            for source in actions
            for entry in range(self.block)
        )

    def places(self, actions: Sequence[int], entry: int) -> list[int]:
        """Return the rows of some actions.

        Args:
            actions: Their indices, counted through all repeats.
            entry: Which output of each action.
        """
        return [action * self.block + entry for action in actions]


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


def branches_of(space: spaces.Space[Any]) -> list[int]:
    """Return the numbers of actions that are chosen from together."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec]
    return []


def reads_actions(policy: nn.Module) -> bool:
    """Tell whether a policy has critics that read actions.

    The critic of a recurrent policy is a plain layer, or None.
    """
    return isinstance(getattr(policy, "critic", None), BaseModel)


def reads_twice(model: BaseAlgorithm, actions: Sources) -> bool:
    """Tell whether critics read some old action several times.

    Args:
        model: The old agent.
        actions: Which old action each new one is.
    """
    known = [source for source in actions if source is not None]
    return reads_actions(model.policy) and len(set(known)) < len(known)


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
                found.append(_head(policy, head, perceptron.role, actions))
    if not found:
        raise TransplantError(
            f"{type(policy).__name__} has no output layer for actions that is known."
        )
    return [*found, *_deviations(policy, actions)]


def _head(policy: nn.Module, linear: nn.Linear, role: Role, actions: int) -> Head:
    block = 1
    if isinstance(getattr(policy, "action_dist", None), MaskableBernoulliDistribution):
        block = 2
    repeats, rest = divmod(linear.out_features, actions * block)
    if rest or not repeats:
        raise TransplantError(
            f"An output layer has {linear.out_features} outputs, which is no multiple "
            f"of the {actions} actions."
        )
    names = ["weight"] if linear.bias is None else ["weight", "bias"]
    slots = tuple(Slot(linear, name, 0, Side.ROWS) for name in names)
    switches = isinstance(policy.action_space, spaces.MultiBinary)
    return Head(slots, role, repeats, block, switches)


def _deviations(policy: nn.Module, actions: int) -> Iterator[Head]:
    """Yield the parameters ``log_std``, whose last axis is that of the actions.

    With ``full_std=False``, gSDE has one column for all actions.
    """
    for module in policy.modules():
        log_std = dict(module.named_parameters(recurse=False)).get("log_std")
        one = not getattr(getattr(module, "action_dist", None), "full_std", True)
        if log_std is not None and log_std.shape[-1] == actions and not one:
            slot = Slot(module, "log_std", log_std.ndim - 1, Side.UNIT, neutral=0.0)
            yield Head((slot,), Role.POLICY, 1)
