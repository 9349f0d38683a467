"""SB3's environments of images and of dictionaries, registered for the tests."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
from stable_baselines3.common.envs import FakeImageEnv, SimpleMultiObsEnv


class Picture(FakeImageEnv):
    """Images with channels last, which SB3 transposes."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    render_mode = "rgb_array"

    def __init__(self, render_mode: str | None = None, size: int = 36) -> None:
        super().__init__(screen_height=size, screen_width=size, n_channels=2)


class Both(SimpleMultiObsEnv):
    """Dictionaries of an image and a vector."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    render_mode = "rgb_array"

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__()


for name, cls in {"Picture": Picture, "Both": Both}.items():
    if f"cli/{name}-v0" not in gym.registry:
        gym.register(
            f"cli/{name}-v0",
            entry_point=cls,
            max_episode_steps=20,
            disable_env_checker=True,
        )
