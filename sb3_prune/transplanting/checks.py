"""Checks of two agents, and warnings about what one became in the other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from gymnasium import spaces
from sb3_contrib.trpo.trpo import TRPO
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.weight_masks import masks_of
from sb3_prune.transplanting.carrying import Carried
from sb3_prune.transplanting.converting import check_algorithms
from sb3_prune.transplanting.ids import Sources

FAR = 0.02
"""Share of the largest output; new layers behind Tanh move outputs by less."""


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


def other_bounds(old: BaseAlgorithm, new: BaseAlgorithm, actions: Sources) -> str:
    """Return a warning, which is also given, if carried actions have other bounds.

    Args:
        old: The old agent.
        new: The new one.
        actions: Which old action each new one is.
    """
    spaces_ = old.action_space, new.action_space
    if not all(isinstance(space, spaces.Box) for space in spaces_):
        return ""
    bounds = [np.stack([s.low.ravel(), s.high.ravel()]) for s in spaces_]  # type: ignore[attr-defined]
    places = [(new, old) for new, old in enumerate(actions) if old is not None]
    if all(np.array_equal(bounds[1][:, n], bounds[0][:, o]) for n, o in places):
        return ""
    said = (
        "The actions have other bounds: the same output of the networks is another "
        "action where the algorithm scales outputs to the bounds, as SAC and TD3 do."
    )
    warnings.warn(said, stacklevel=3)
    return said


def warn_of_odd(moved: float, carried: Mapping[str, Carried]) -> None:
    """Warn if outputs moved although nothing of the old agent is gone.

    Args:
        moved: How far they moved, relative to the largest.
        carried: What became of each tensor.
    """
    if moved > FAR and not any(each.dropped for each in carried.values()):
        warnings.warn(
            f"Outputs for old actions moved by {moved:.2g} of their largest value, "
            "although nothing was dropped: some code of the policy treats entries by "
            "their place, or the new agent has other activation functions.",
            stacklevel=3,
        )
