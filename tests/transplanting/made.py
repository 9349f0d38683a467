"""An environment with any spaces, and models that were trained in it."""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import zoo
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

OBSERVATIONS = 5
ACTIONS: dict[str, list[int]] = {"BranchingDQN": [3, 2]}
"""Numbers of actions by algorithm: branches."""
CONTINUOUS = ("SAC", "ValueSAC", "TD3", "DDPG", "TQC", "CrossQ", "TRPO")


class Toy(gym.Env):  # type: ignore[type-arg]
    """Noise for observations; the reward is what the first one says."""

    def __init__(self, observations: int, actions: spaces.Space[Any]) -> None:
        self.observation_space = spaces.Box(-1, 1, (observations,), np.float32)
        self.action_space = actions

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        size = self.observation_space.shape
        self._seen = self.np_random.uniform(-1, 1, size).astype(np.float32)
        return self._seen

    def step(self, action: Any) -> Any:
        reward = float(self._seen[0]) * float(np.sum(action))
        self._steps += 1
        return self._observe(), reward, False, self._steps >= 20, {}

    def action_masks(self) -> np.ndarray:
        assert isinstance(self.action_space, spaces.Discrete)
        return np.ones(self.action_space.n, dtype=bool)


def space_of(name: str, count: int = 4) -> spaces.Space[Any]:
    """Return the actions of an algorithm: ``count`` choices or dimensions."""
    if name in CONTINUOUS:
        return spaces.Box(-1, 1, (count,), np.float32)
    if name == "BranchingDQN":
        return spaces.MultiDiscrete([count - 2, 2])
    return spaces.Discrete(count)


def env_of(name: str, observations: int = OBSERVATIONS, actions: int = 4) -> Toy:
    """Return the environment of an algorithm."""
    return Toy(observations, space_of(name, actions))


@cache
def trained(name: str) -> BaseAlgorithm:
    """Return a model that was trained for a moment; nobody may change it."""
    return zoo.train(zoo.make_model(name, env=env_of(name)), 96)
