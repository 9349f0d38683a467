"""Environments whose episodes are known beforehand."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Countdown(gym.Env):  # type: ignore[type-arg]
    """Episodes of a random length from 1 to 6; shows a random number and the step."""

    observation_space: spaces.Space[Any] = spaces.Box(-10, 10, (2,), np.float32)
    action_space: spaces.Space[Any] = spaces.Discrete(2)
    endless = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._step, self._length = 0, int(self.np_random.integers(1, 7))
        return self._observe(), {}

    def _observe(self) -> Any:
        return np.array([self.np_random.normal(), self._step], dtype=np.float32)

    def step(self, action: Any) -> Any:
        self._step += 1
        done = self._step >= self._length and not self.endless
        return self._observe(), float(self._step), done, False, {}


class Endless(Countdown):
    """Never ends."""

    endless = True


class Still(Countdown):
    """Shows the same, and takes actions."""

    action_space: spaces.Space[Any] = spaces.Box(-1, 1, (1,))

    def _observe(self) -> Any:
        return np.ones(2, np.float32)


class Pairs(Countdown):
    """Shows a dictionary."""

    observation_space = spaces.Dict(
        {"a": spaces.Box(-10, 10, (2,)), "b": spaces.Discrete(3)}
    )

    def _observe(self) -> Any:
        return {"a": super()._observe(), "b": self._step % 3}


class Broken(Countdown):
    """Shows NaN."""

    def _observe(self) -> Any:
        return np.full(2, np.nan, np.float32)
