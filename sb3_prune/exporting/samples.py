"""Samples: raw observations to compare an export with its agent on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecEnv,
    VecNormalize,
    unwrap_vec_normalize,
)

from sb3_prune.exceptions import ConfigError
from sb3_prune.exporting.normalisation import moments_of
from sb3_prune.recording.alike import check_alike

Batch = dict[str, np.ndarray]
"""Key of a dictionary of observations, or ``""`` -> (batch, ...)."""
WIDE = 1e4
"""Bounds beyond this say nothing about usual values; neither do infinite ones."""

FARTHEST = 100.0
"""Clips beyond so many deviations are not tried: networks would round too much."""
CLIPPED = 0.1
"""Share of the values from statistics that are around the clip."""


def from_space(space: spaces.Space[Any], count: int, rng: np.random.Generator) -> Batch:
    """Draw observations from their space.

    Where bounds are wide, values are normal, with a scale between 0.1 and 100 per row.
    """
    parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    return {key: _draw(part, count, rng) for key, part in parts.items()}


def _draw(space: Any, count: int, rng: np.random.Generator) -> np.ndarray:
    shape = (count, *(space.shape or ()))
    if isinstance(space, spaces.MultiBinary):
        return rng.integers(0, 2, shape).astype(space.dtype)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        most = space.n if isinstance(space, spaces.Discrete) else space.nvec
        return rng.integers(0, most, shape).astype(space.dtype)
    lowest, highest = (np.asarray(b, np.float64) for b in (space.low, space.high))
    wide = (np.abs(lowest) > WIDE) | (np.abs(highest) > WIDE)
    if np.dtype(space.dtype).kind in "bui":
        return _draw_whole(space, wide, count, rng)
    low, high = np.where(wide, 0, space.low), np.where(wide, 0, space.high)
    uniform = rng.uniform(low, high, shape)
    drawn = np.where(wide, _near(shape, rng), uniform)
    return np.clip(drawn, space.low, space.high).astype(space.dtype)


def _near(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw normal values, with a scale between 0.1 and 100 per row."""
    scale = 10 ** rng.uniform(-1, 2, (shape[0], *[1] * (len(shape) - 1)))
    return rng.normal(size=shape) * scale


def _draw_whole(
    space: Any, wide: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw whole numbers; in every other row those of wide ranges are small.

    Otherwise networks would be at their ends everywhere.
    """
    shape, dtype = (count, *space.shape), np.dtype(space.dtype)
    drawn: np.ndarray = rng.integers(space.low, space.high, shape, dtype, endpoint=True)
    if wide.any():
        near = np.round(_near(shape, rng))
        near = (np.abs(near) if dtype.kind == "u" else near).astype(dtype)
        near = np.clip(near, space.low, space.high)
        rows = (np.arange(count) % 2 == 0).reshape(-1, *[1] * len(space.shape))
        drawn = np.where(wide & rows, near, drawn)
    return drawn


def from_statistics(
    statistics: VecNormalize, space: spaces.Space[Any], count: int, rng: Any
) -> Batch:
    """Draw observations from normal distributions with the known means and variances.

    Deviations are doubled, and one in ten is around the clip, on either side of it;
    parts that are not normalised come from the space.
    """
    drawn = from_space(space, count, rng)
    clip = statistics.clip_obs if statistics.clip_obs <= FARTHEST else 0.0
    for key, moments in moments_of(statistics).items():
        noise = rng.normal(size=(count, *moments.mean.shape)) * 2
        around = clip * rng.uniform(0.5, 1.5, noise.shape) * np.sign(noise)
        noise = np.where(rng.random(noise.shape) < CLIPPED, around, noise)
        drawn[key] = moments.mean + noise * np.sqrt(moments.var + statistics.epsilon)
    return drawn


def from_episodes(
    model: BaseAlgorithm, env: Any, statistics: VecNormalize | None, count: int
) -> Batch:
    """Return raw observations of greedy episodes.

    Args:
        model: The agent.
        env: An environment, vectorised or not, or the id of one; a VecNormalize around
            it is looked through. It is reset.
        statistics: Those that the agent's observations are normalised by.
        count: Number of steps.

    Raises:
        ConfigError: Its observations or actions are not those of the agent.
    """
    with _as_raw(env) as raw:
        check_alike(model, raw)
        seen, state = [], None
        observation: Any = raw.reset()
        start = np.ones(raw.num_envs, bool)
        for _ in range(-(-count // raw.num_envs)):
            seen.append(
                {"": observation}
                if not isinstance(observation, dict)
                else dict(observation)
            )
            normal = observation
            if statistics is not None:
                normal = statistics.normalize_obs(observation)
            action, state = model.predict(
                normal, state, start, deterministic=True, **_masks(model, raw)
            )
            observation, _, start, _ = raw.step(action)
    return {key: np.concatenate([each[key] for each in seen]) for key in seen[0]}


def _masks(model: BaseAlgorithm, env: VecEnv) -> Mapping[str, np.ndarray]:
    """Return the action masks of an agent that asks for them, as an argument."""
    masked = isinstance(model.policy, MaskableActorCriticPolicy)
    if not (masked and is_masking_supported(env)):
        return {}
    return {"action_masks": get_action_masks(env)}


@contextmanager
def _as_raw(env: Any) -> Iterator[VecEnv]:
    """Yield a vectorised environment without normalisation, closed if made here."""
    if isinstance(env, str):
        try:
            made = DummyVecEnv([lambda: gym.make(env)])
        except gym.error.Error as error:
            raise ConfigError(f"env '{env}' cannot be made: {error}") from error
        try:
            yield made
        finally:
            made.close()
    elif isinstance(env, gym.Env):
        yield DummyVecEnv([lambda: env])
    elif isinstance(env, VecEnv):
        raw = env.venv if isinstance(env, VecNormalize) else env
        if unwrap_vec_normalize(raw) is not None:
            raise ConfigError("env has a VecNormalize inside: give what is in there.")
        yield raw
    else:
        raise ConfigError(f"env must be an environment or its id, got {env!r}.")


def draw_masks(
    facts: Mapping[str, Any], count: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Draw masks of actions that allow at least one in each branch, (count, actions).

    Args:
        facts: Those of an export.
        count: Number of masks.
        rng: Where they come from.

    Returns:
        1 where an action is allowed; None if the export takes no mask.
    """
    port = next((p for p in facts["inputs"] if p["kind"] == "action_mask"), None)
    if port is None:
        return None
    masks = rng.random((count, port["shape"][0])) < 0.7  # noqa: PLR2004
    begin = 0
    for branch in port["branches"]:
        allowed = begin + rng.integers(0, branch, count)
        masks[np.arange(count), allowed] = True
        begin += branch
    return masks
