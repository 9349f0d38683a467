"""Checks of two agents, before one is carried into the other."""

from __future__ import annotations

from sb3_contrib.trpo.trpo import TRPO
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.weight_masks import masks_of
from sb3_prune.transplanting.converting import check_algorithms


def check_fresh(new: BaseAlgorithm) -> None:
    """Check that an agent has learnt nothing yet.

    Args:
        new: The agent that is to be filled.

    Raises:
        TransplantError: One of its optimisers has taken a step.
    """
    learnt = [name for name, each in optimizers(new).items() if each.state]
    if learnt:
        raise TransplantError(
            f"The new agent has learnt already, its optimiser '{learnt[0]}' has taken "
            "steps: build one that has not, or swap the two agents."
        )


def check_pair(old: BaseAlgorithm, new: BaseAlgorithm) -> None:
    """Check that one agent can be carried into another.

    Args:
        old: The old agent.
        new: The new one.

    Raises:
        TransplantError: Their algorithms have other networks, or they have different
            kinds of actions.
    """
    check_algorithms(type(old), type(new))
    kinds = type(old.action_space), type(new.action_space)
    if kinds[0] is not kinds[1]:
        raise TransplantError(
            f"Actions of {kinds[0].__name__} cannot be mapped to those of "
            f"{kinds[1].__name__}."
        )


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
