"""Kinds: choose the policy class of an algorithm that fits the observations."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space

from sb3_prune.cli.algorithms import ALGORITHMS, Algorithm
from sb3_prune.cli.options import Kind
from sb3_prune.exceptions import ConfigError
from sb3_prune.policies.adoption import MASKED

NAMES = {"Cnn": "images", "MultiInput": "dictionaries"}
"""Beginning of the name of SB3's policy -> the observations that it is for."""


def policy_for(
    algorithm: Algorithm, kind: Kind, space: spaces.Space[Any]
) -> type[BasePolicy]:
    """Return the policy class with gates of an algorithm.

    Args:
        algorithm: The algorithm.
        kind: ``auto`` chooses as a user of SB3 does: a CNN for images, several inputs
            for dictionaries, else an MLP.
        space: Observations, after images were transposed.

    Raises:
        ConfigError: The algorithm has no such policy.
    """
    if kind != "auto":
        if isinstance(space, spaces.Dict):
            raise ConfigError(
                f"Observations must be one array for --policy {kind}; got {space}. "
                "--policy auto reads dictionaries."
            )
        return algorithm.policy_class(kind)
    if isinstance(space, spaces.Dict):
        return _masked(algorithm, "MultiInput")
    if is_image_space(space):
        return _masked(algorithm, "Cnn")
    return algorithm.policy


def _masked(algorithm: Algorithm, name: str) -> type[BasePolicy]:
    """Return the class with gates of the stock policy whose alias begins with a name.

    Raises:
        ConfigError: The algorithm has no such policy.
    """
    found = _aliased(algorithm, name)
    if found is None:
        able = [each.name for each in ALGORITHMS.values() if _aliased(each, name)]
        raise ConfigError(
            f"{algorithm.name} has no policy for {NAMES[name]}. Algorithms that have "
            f"one: {', '.join(able)}."
        )
    return found


def _aliased(algorithm: Algorithm, name: str) -> type[BasePolicy] | None:
    for alias, stock in algorithm.cls.policy_aliases.items():
        if alias.startswith(name) and stock in MASKED:
            return MASKED[stock]  # type: ignore[return-value]
    return None
