"""SB3's environments of images and of dictionaries, registered for the tests."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from stable_baselines3.common.envs import FakeImageEnv, SimpleMultiObsEnv


class Picture(FakeImageEnv):
    """Images with channels last, as SB3 transposes them."""

    def __init__(self, size: int = 36, **more: Any) -> None:
        super().__init__(screen_height=size, screen_width=size, n_channels=2, **more)


def register(name: str, entry_point: Any) -> None:
    if name not in gym.registry:
        gym.register(name, entry_point=entry_point)


register("cli/Picture-v0", Picture)
register("cli/Both-v0", SimpleMultiObsEnv)
