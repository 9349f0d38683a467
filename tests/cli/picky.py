"""An environment that refuses masked actions and reports success, for the tests."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Picky(gym.Env):  # type: ignore[type-arg]
    """Three levers, one of which is locked; episodes take six steps."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    observation_space = spaces.Box(-1, 1, (3,), np.float32)
    action_space = spaces.Discrete(3)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        return self.np_random.uniform(-1, 1, 3).astype(np.float32)

    def action_masks(self) -> np.ndarray:
        return np.arange(3) != self._steps % 3

    def step(self, action: int) -> Any:
        assert self.action_masks()[action]
        self._steps += 1
        done = self._steps == 6
        return self._observe(), 1.0, done, False, {"is_success": done}


class Moody(Picky):
    """Fails at a given time, or observes a given value."""

    def __init__(self, when: str = "", error: Any = ValueError, value: float = 0):
        super().__init__()
        self.when, self.error, self.value = when, error, value
        self._fail("make")

    def _fail(self, now: str) -> None:
        if self.when == now:
            raise self.error("moody")

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self._fail("reset")
        return super().reset(seed=seed)

    def step(self, action: int) -> Any:
        self._fail("step")
        return super().step(action)

    def _observe(self) -> np.ndarray:
        return super()._observe() + np.float32(self.value)


gym.register("cli/Moody-v0", entry_point=Moody)
if "cli/Picky-v0" not in gym.registry:
    gym.register("cli/Picky-v0", entry_point=Picky)
