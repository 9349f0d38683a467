"""Checks of two agents, before one is carried into the other."""

from __future__ import annotations

import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from sb3_contrib.trpo.trpo import TRPO
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.weight_masks import masks_of
from sb3_prune.transplanting.converting import check_algorithms
from sb3_prune.transplanting.folding import InputRules
from sb3_prune.transplanting.heads import branches_of
from sb3_prune.transplanting.ids import FORMS, Sources, check_branches
from sb3_prune.transplanting.observing import ObservationMap


def check_fresh(new: BaseAlgorithm) -> None:
    """Check that an agent has learnt nothing yet.

    Args:
        new: The agent that is to be filled.

    Raises:
        TransplantError: One of its optimisers has taken a step.
    """
    learnt = [name for name, each in optimizers(new).items() if _has_stepped(each)]
    if learnt:
        raise TransplantError(
            f"The new agent has learnt already, its optimiser '{learnt[0]}' has taken "
            "steps: build one that has not, or swap the two agents."
        )


def _has_stepped(optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether an optimiser has taken a step; Adagrad has its state before."""
    return any(float(state.get("step", 1)) > 0 for state in optimizer.state.values())


def check_pair(
    old: BaseAlgorithm, new: BaseAlgorithm, actions: Sources, *, has_map: bool = True
) -> None:
    """Check that one agent can be carried into another.

    Args:
        old: The old agent.
        new: The new one.
        actions: Which old action each new one is.
        has_map: Whether somebody has said so.

    Raises:
        TransplantError: Their algorithms have other networks, they have different
            kinds of actions, choices of several branches would be mixed, or branches
            differ and nobody has said which is which.
    """
    check_algorithms(type(old), type(new))
    kinds = type(old.action_space), type(new.action_space)
    if kinds[0] is not kinds[1]:
        raise TransplantError(
            f"Actions of {kinds[0].__name__} cannot be mapped to those of "
            f"{kinds[1].__name__}."
        )
    masks = {isinstance(model, MaskablePPO) for model in (old, new)}
    if kinds[0] is spaces.MultiBinary and len(masks) > 1:
        raise TransplantError(
            "MaskablePPO has two outputs for each switch of MultiBinary, other "
            "algorithms one: agents with switches cannot become such or cease to be."
        )
    branches = [branches_of(model.action_space) for model in (old, new)]
    if branches[0] != branches[1] and not has_map:
        raise TransplantError(
            f"The old agent has branches of {branches[0]} actions, the new one of "
            f"{branches[1]}: say by actions= which are which, {FORMS}."
        )
    if all(branches):
        check_branches("actions", actions, *branches)


def require_type(name: str, value: object, kind: type) -> None:
    """Check the type of an argument.

    Args:
        name: Its name.
        value: Its value.
        kind: The type.

    Raises:
        TransplantError: It is another one.
    """
    if not isinstance(value, kind):
        raise TransplantError(
            f"{name} must be {kind.__name__}(...) of sb3_prune.transplanting, got "
            f"{value!r}."
        )


def check_rules(rules: InputRules, seen: ObservationMap, acts_twice: bool) -> None:
    """Check that rules for observations say something of these.

    Args:
        rules: The rules.
        seen: Which old observation each new one is.
        acts_twice: Whether critics read some old action several times.

    Raises:
        TransplantError: No observation is gone or occurs twice, or choices do.
    """
    if rules.repeated == "share" and seen.repeats_choices:
        raise TransplantError(
            'repeated="share" is for numbers: of choices only one is taken, so each '
            "copy needs all of the weights."
        )
    if rules.repeated == "share" and not (seen.counts_twice or acts_twice):
        raise TransplantError(
            'No observation occurs twice, so repeated="share" says nothing.'
        )
    if rules.removed == "mean" and not seen.inverse().asks_for_more:
        raise TransplantError('No observation is gone, so removed="mean" says nothing.')


def check_masks(old: BaseAlgorithm, new: BaseAlgorithm) -> None:
    """Check that the new agent can keep the masks that weights of the old one have.

    Args:
        old: The old agent.
        new: The new one.

    Raises:
        TransplantError: It cannot.
    """
    if not masks_of(old):
        return
    policy = new.policy
    if not getattr(policy, "keeps_weight_masks", False) or isinstance(new, TRPO):
        raise TransplantError(
            f"Weights of the old agent are masked, and {type(new).__name__} with "
            f"{type(policy).__name__} cannot keep them so: use a Masked...Policy of "
            "another algorithm than TRPO, or call sb3_prune.surgery.weight_masks."
            "forget_masks(old.policy) before."
        )
