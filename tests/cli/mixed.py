"""An environment whose observations are a dict, for the tests."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Mixed(gym.Env):  # type: ignore[type-arg]
    """Has one thing to see."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    observation_space = spaces.Dict({"a": spaces.Box(-1, 1, (2,), np.float32)})
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return {"a": np.zeros(2, np.float32)}, {}

    def step(self, action: Any) -> Any:
        return {"a": np.zeros(2, np.float32)}, 0.0, False, False, {}


if "cli/Mixed-v0" not in gym.registry:
    gym.register("cli/Mixed-v0", entry_point=Mixed)
