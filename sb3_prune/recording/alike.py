"""Alike: environments with the spaces that an agent knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.exceptions import ConfigError


def check_alike(model: BaseAlgorithm, env: VecEnv) -> None:
    """Check that an environment has the spaces of an agent.

    Bounds of observations may differ, and images may have their channels first or last,
    as SB3 turns them. Bounds of actions are those that the agent scales its actions to.

    Args:
        model: The agent.
        env: The environment.

    Raises:
        ConfigError: Actions or observations are others.
    """
    if env.action_space != model.action_space:
        raise ConfigError(
            f"env has other actions than the agent: {env.action_space}, expected "
            f"{model.action_space}."
        )
    if _parts(env.observation_space) != _parts(model.observation_space):
        raise ConfigError(
            f"env has other observations than the agent: {env.observation_space}, "
            f"expected {model.observation_space}."
        )


def _parts(space: spaces.Space[Any]) -> Mapping[str, Any]:
    """Return kind and size of each part."""
    parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    return {key: (type(part), _size(part)) for key, part in parts.items()}


def _size(part: spaces.Space[Any]) -> Any:
    if isinstance(part, spaces.Discrete):
        return int(part.n), int(part.start)
    if isinstance(part, spaces.MultiDiscrete):
        return part.nvec.tolist()
    shape = part.shape or ()
    if not is_image_space(part):
        return shape
    # Channels first or last are rotations of each other; height and width stay apart.
    return min(shape[i:] + shape[:i] for i in range(len(shape)))
