"""Animation: a GIF of an agent that acts in its environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from sb3_contrib import MaskablePPO
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import ConfigError, require_at_least
from sb3_prune.files import atomic

if TYPE_CHECKING:
    from PIL import Image

MASKS = "action_masks"
"""Method of environments, and argument of agents, for the actions that are allowed."""
CAPTION = 26
"""Height in pixels of the room for captions."""


def record_gif(
    path: str | Path,
    model: BaseAlgorithm | Mapping[str, BaseAlgorithm],
    env: gym.Env[Any, Any],
    *,
    episodes: int = 4,
    every: int = 2,
    size: int = 300,
    seed: int = 0,
) -> None:
    """Write a GIF of greedy episodes.

    An agent whose own environment is normalised sees observations that its statistics
    normalise, and an agent that knows masks of actions gets them.

    Args:
        path: File to write.
        model: The agent, or caption -> agent: these play the same episodes, side by
            side.
        env: Environment made with ``render_mode="rgb_array"``.
        episodes: Number of episodes.
        every: Number of steps between two frames.
        size: Width of an agent's frame in pixels.
        seed: Seed of the first episode; each further episode adds 1.

    Raises:
        ConfigError: The environment does not render RGB arrays, or a number is too
            small.
    """
    for name, value in {"episodes": episodes, "every": every, "size": size}.items():
        require_at_least(name, value)
    require_at_least("seed", seed, 0)
    if env.render_mode != "rgb_array":
        raise ConfigError(
            f"The environment must be made with render_mode='rgb_array', "
            f"got {env.render_mode!r}."
        )
    agents = model if isinstance(model, Mapping) else {"": model}
    images = []
    for episode in range(episodes):
        played = [_episode(a, env, seed + episode, every) for a in agents.values()]
        images += [_beside(list(agents), each, size) for each in _together(played)]
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
    known = isinstance(model, BaseAlgorithm)  # A bare policy has no environment.
    statistics = model.get_vec_normalize_env() if known else None
    masked = isinstance(model, MaskablePPO) and env.has_wrapper_attr(MASKS)
    while not finished:
        seen = statistics.normalize_obs(observation) if statistics else observation
        masks = {MASKS: env.get_wrapper_attr(MASKS)()} if masked else {}
        action, state = model.predict(seen, state, deterministic=True, **masks)
        observation, _, terminated, truncated, _ = env.step(action)
        finished = terminated or truncated
        frames.append(env.render())
    # Show the last frame for a while.
    return [*frames[::every], *[frames[-1]] * 8]


def _together(played: Sequence[list[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield the frames of all agents at each step; who is done first stands still."""
    longest = max(map(len, played))
    padded = [[*frames, *[frames[-1]] * (longest - len(frames))] for frames in played]
    return zip(*padded, strict=True)


def _beside(captions: Sequence[str], frames: Sequence[Any], size: int) -> Image.Image:
    """Return the frames of all agents side by side, below their captions."""
    from PIL import Image, ImageDraw  # noqa: PLC0415  # Only animations need Pillow.

    pictures = [Image.fromarray(np.asarray(frame)).convert("RGB") for frame in frames]
    height = round(size * pictures[0].height / pictures[0].width)
    room = CAPTION if any(captions) else 0
    small = Image.new("RGB", (size * len(frames), height + room), "white")
    for place, (caption, picture) in enumerate(zip(captions, pictures, strict=True)):
        scaled = picture.resize((size, height), Image.Resampling.LANCZOS)
        small.paste(scaled, (place * size, room))
        if caption:
            at = (place * size + 8, 6)
            ImageDraw.Draw(small).text(at, caption, fill="black", font_size=13)
    # Octree quantisation keeps small bright objects such as the goal; median cut
    # loses them.
    return small.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
