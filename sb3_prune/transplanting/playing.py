"""Playing: observations of a new environment, as the old agent would see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.flow.forwards import draw, sample_inputs
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.transplanting.observing import ObservationMap


def played_states(
    old: BaseAlgorithm, new: BaseAlgorithm, seen: ObservationMap, steps: int
) -> Any:
    """Play random actions in the environment of a new agent.

    Args:
        old: The old agent.
        new: The new agent. Statistics of its ``VecNormalize`` do not move.
        seen: Which new observation is which old one. Old observations that are gone
            are drawn from their space.
        steps: Number of steps of all environments side by side.

    Returns:
        Observations as the old agent's policy gets them, (steps * environments, ...).
    """
    env = new.get_env()
    assert env is not None
    found = _played(env, new, steps)
    drawn = sample_inputs(old.policy, steps * env.num_envs).observations
    onto = {key: each.cpu().numpy() for key, each in by_key(drawn).items()}
    whole = isinstance(drawn, dict)
    back = seen.inverse().mapped(found, onto if whole else onto[""])
    if (scales := old.get_vec_normalize_env()) is not None:
        back = scales.normalize_obs(back)
    return old.policy.obs_to_tensor(back)[0]


def _played(env: VecEnv, new: BaseAlgorithm, steps: int) -> Any:
    """Return observations as they are before VecNormalize, by key if there are keys."""
    rng = np.random.default_rng(0)
    found: list[Any] = []
    scales = new.get_vec_normalize_env()
    if scales is not None and shapes(scales) != shapes(new):
        raise TransplantError(
            f"Nothing can be played: VecNormalize gets observations of "
            f"{scales.observation_space}, the agent those of {new.observation_space}. "
            "Give play=0, or put VecNormalize around what changes them."
        )
    with _frozen(scales):
        observations = env.reset()
        for _ in range(steps):
            found.append(scales.get_original_obs() if scales else observations)
            observations, *_ = env.step(draw(env.action_space, env.num_envs, rng))
    if isinstance(found[0], dict):
        return {key: np.concatenate([each[key] for each in found]) for key in found[0]}
    return np.concatenate(found)


def shapes(of: VecEnv | BaseAlgorithm) -> dict[str, Any]:
    """Return the shapes of observations by key.

    Args:
        of: What gives or gets them.
    """
    return {key: each.shape for key, each in by_key(of.observation_space).items()}


@contextmanager
def _frozen(env: VecNormalize | None) -> Iterator[None]:
    """Keep the statistics of an environment as they are."""
    if env is None:
        yield
        return
    before = env.training
    env.training = False
    try:
        yield
    finally:
        env.training = before
