"""Converting: algorithms whose agents have the same networks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sb3_contrib import TRPO, MaskablePPO
from stable_baselines3 import A2C, DDPG, PPO, TD3
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.algorithms.arguments import parameters_of
from sb3_prune.exceptions import TransplantError

FAMILIES: tuple[tuple[type[BaseAlgorithm], ...], ...] = (
    (A2C, MaskablePPO, PPO, TRPO),
    (DDPG, TD3),
)
"""Algorithms with the same networks, up to the number of critics."""
OWN = ("rollout_buffer_class", "rollout_buffer_kwargs", "target_kl")
"""Settings that mean something else to another algorithm: masks of actions are in other
buffers, and TRPO's ``target_kl`` is no threshold."""


def check_algorithms(old: type[BaseAlgorithm], new: type[BaseAlgorithm]) -> None:
    """Check that agents of two algorithms have the same networks.

    Args:
        old: The algorithm of the old agent.
        new: That of the new one.

    Raises:
        TransplantError: They have not.
    """
    if not (isinstance(new, type) and issubclass(new, BaseAlgorithm)):
        raise TransplantError(f"algorithm must be a class as PPO is, got {new!r}.")
    known = next((each for each in FAMILIES if issubclass(old, each)), (old,))
    if issubclass(new, known) or issubclass(old, new):
        return
    names = ", ".join(each.__name__ for each in known)
    raise TransplantError(
        f"An agent of {old.__name__} cannot be carried into one of {new.__name__}, "
        f"which has other networks; the same ones have: {names}."
    )


def hyperparameters(
    old: BaseAlgorithm, algorithm: type[BaseAlgorithm]
) -> dict[str, Any]:
    """Return the arguments for an algorithm that an agent of another one has, too.

    Args:
        old: The agent.
        algorithm: The other algorithm; of what only it has, its defaults are used.
    """
    ours = parameters_of(type(old))
    shared = [n for n in parameters_of(algorithm) if n in ours and n not in OWN]
    return {
        name: copy.deepcopy(getattr(old, attribute))
        for name in shared
        for attribute in (f"_{name}", name)  # SB3 keeps some as private ones.
        if hasattr(old, attribute)
    }


def chosen_kwargs(old: BaseAlgorithm, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of a policy without those that the algorithm itself has added.

    A2C adds an optimiser, for example, and DDPG the number of critics.

    Args:
        old: An agent of the algorithm.
        given: Arguments of its policy.
    """
    cls: Any = type(old)
    bare = cls(old.policy_class, None, device=old.device, _init_setup_model=False)
    added = bare.policy_kwargs
    return {n: v for n, v in given.items() if n not in added or added[n] != v}
