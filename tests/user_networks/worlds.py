"""Environments that cost nothing: vectors, histories, images and dicts."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.envs import FakeImageEnv


class History(gym.Env):  # type: ignore[type-arg]
    """Shows the last frames of a random walk; action 1 is right when it rises."""

    observation_space = spaces.Box(-1, 1, (7, 3), np.float32)
    action_space = spaces.Discrete(2)
    length = 20

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        self._frames = np.zeros(self.observation_space.shape, np.float32)
        return self._frames.copy(), {}

    def step(self, action: Any) -> Any:
        rises = self._frames[-1].mean() > self._frames[0].mean()
        step = self.np_random.normal(0, 0.3, 3)
        frame = (self._frames[-1] + step).clip(-1, 1)
        self._frames = np.vstack([self._frames[1:], frame[None]]).astype(np.float32)
        self._steps += 1
        done = self._steps >= self.length
        return self._frames.copy(), float(action == rises), False, done, {}


class Dashboard(gym.Env):  # type: ignore[type-arg]
    """Shows a vector and an image; the mean of the vector says the right action."""

    observation_space = spaces.Dict(
        {
            "img": spaces.Box(0, 255, (15, 31, 3), np.uint8),
            "vec": spaces.Box(-1, 1, (5,), np.float32),
        }
    )
    action_space = spaces.Discrete(2)
    length = 20

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self._observe(), {}

    def _observe(self) -> dict[str, np.ndarray]:
        image = self.np_random.integers(0, 255, (15, 31, 3), np.uint8)
        self._vector = self.np_random.uniform(-1, 1, 5).astype(np.float32)
        return {"img": image, "vec": self._vector}

    def step(self, action: Any) -> Any:
        right = float(action == (self._vector.mean() > 0))
        self._steps += 1
        done = self._steps >= self.length
        return self._observe(), right, False, done, {}


def cart_pole() -> gym.Env:  # type: ignore[type-arg]
    """Make four numbers and two actions."""
    return gym.make("CartPole-v1")


def pendulum() -> gym.Env:  # type: ignore[type-arg]
    """Make three numbers and a torque."""
    return gym.make("Pendulum-v1")


def images(discrete: bool = True) -> gym.Env:  # type: ignore[type-arg]
    """Make images of odd sides, channels last as most environments have them."""
    env = FakeImageEnv(
        action_dim=3,
        screen_height=15,
        screen_width=31,
        n_channels=3,
        discrete=discrete,
    )
    env.observation_space.seed(0)
    return env


def torques_by_image() -> gym.Env:  # type: ignore[type-arg]
    """Make the same images with continuous actions."""
    return images(discrete=False)
