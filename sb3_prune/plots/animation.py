"""Animation: a GIF of an agent that acts in its environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import ConfigError
from sb3_prune.files import atomic

if TYPE_CHECKING:
    from PIL import Image


def record_gif(
    path: str | Path,
    model: BaseAlgorithm,
    env: gym.Env[Any, Any],
    *,
    episodes: int = 4,
    every: int = 2,
    size: int = 300,
    seed: int = 0,
) -> None:
    """Write a GIF of greedy episodes.

    Args:
        path: File to write.
        model: The agent.
        env: Environment made with ``render_mode="rgb_array"``.
        episodes: Number of episodes.
        every: Number of steps between two frames.
        size: Width of a frame in pixels.
        seed: Seed of the first episode; each further episode adds 1.

    Raises:
        ConfigError: The environment does not render RGB arrays.
    """
    if env.render_mode != "rgb_array":
        raise ConfigError(
            f"The environment must be made with render_mode='rgb_array', "
            f"got {env.render_mode!r}."
        )
    frames = []
    for episode in range(episodes):
        frames += _episode(model, env, seed + episode, every)
    images = [_image(frame, size) for frame in frames]
    fps = float(env.metadata.get("render_fps", 30)) / every
    with atomic(path) as temporary:
        images[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=round(1000 / fps),
            loop=0,
        )


def _episode(
    model: BaseAlgorithm, env: gym.Env[Any, Any], seed: int, every: int
) -> list[Any]:
    observation, _ = env.reset(seed=seed)
    frames, finished, state = [env.render()], False, None
    while not finished:
        action, state = model.predict(observation, state, deterministic=True)
        observation, _, terminated, truncated, _ = env.step(action)
        finished = terminated or truncated
        frames.append(env.render())
    # Show the last frame for a while.
    return [*frames[::every], *[frames[-1]] * 8]


def _image(frame: Any, size: int) -> Image.Image:
    from PIL import Image  # noqa: PLC0415  # Only animations need Pillow.

    picture = Image.fromarray(np.asarray(frame))
    height = round(size * picture.height / picture.width)
    small = picture.resize((size, height), Image.Resampling.LANCZOS)
    # Octree quantisation keeps small bright objects such as the goal; median cut
    # loses them.
    return small.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
