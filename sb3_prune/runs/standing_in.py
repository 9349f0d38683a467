"""Standing in: an environment that a zip needs where nobody acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.her import HerReplayBuffer


class Nowhere(gym.Env[Any, Any]):
    """An environment of given spaces, in which nobody acts."""

    def __init__(
        self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
    ) -> None:
        self.observation_space, self.action_space = observation_space, action_space


def relabels(replay_buffer_class: Any) -> bool:
    """Tell whether a class of replay buffers needs the environment to be built.

    Hindsight replay (HER) computes rewards for other goals.
    """
    return isinstance(replay_buffer_class, type) and issubclass(
        replay_buffer_class, HerReplayBuffer
    )


def stand_in(data: Mapping[str, Any]) -> VecEnv | None:
    """Return what ``load`` needs as ``env`` where there is none: mostly nothing.

    Args:
        data: Saved attributes of an algorithm by name.

    Returns:
        With hindsight replay an environment of the same spaces, else None.
    """
    if not relabels(data.get("replay_buffer_class")):
        return None
    found = data["observation_space"], data["action_space"]
    return DummyVecEnv([lambda: Nowhere(*found)])
