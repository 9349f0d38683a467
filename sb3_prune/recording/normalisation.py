"""Normalisation: do the observations that an agent gets look like those it knows?

SB3 saves the statistics of a ``VecNormalize`` apart from the agent. Whoever loads one
has to bring both together again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from gymnasium.wrappers import NormalizeObservation
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import (
    VecEnv,
    VecNormalize,
    unwrap_vec_normalize,
)

from sb3_prune.exceptions import ConfigError, NoObservationsError

APART = 0.1
"""Statistics are told to differ if means do by more than so many standard deviations,
or standard deviations by more than this share."""


def check_normalised(model: BaseAlgorithm, env: VecEnv) -> None:
    """Check that an environment normalises observations as an agent's own does.

    An object that only has ``predict``, as a policy of one's own, has no environment.

    Raises:
        ConfigError: It does not, or by statistics that have seen nothing, though the
            agent was trained.

    Warns:
        UserWarning: It does by other statistics, where the agent's own does not, or by
            a wrapper of Gymnasium, whose statistics nobody can share.
    """
    check_wrapped(model, env)
    known = isinstance(model, BaseAlgorithm)
    own = model.get_vec_normalize_env() if known else None
    other = unwrap_vec_normalize(env)
    if other is None or other is own or not other.norm_obs:
        return
    own = own if own is not None and own.norm_obs else None
    trained = known and model.num_timesteps and (own is None or seen(own))
    if trained and not seen(other):
        raise ConfigError(
            "env normalises observations by statistics that have seen none, but the "
            f"agent was trained for {model.num_timesteps:,} steps: take those of its "
            "training, VecNormalize.load(path, env)."
        )
    if own is not None and (far := distance(own, other)) > APART:
        warnings.warn(
            "env normalises observations by other statistics than the agent's own "
            f"environment: they differ by {far:.2g} standard deviations. Load those of "
            "the training, or copy them with sync_envs_normalization.",
            stacklevel=3,
        )
    if known and own is None and model.get_env() is not None:
        warnings.warn(
            "env normalises observations, the agent's own environment does not: the "
            "agent sees other observations than there.",
            stacklevel=3,
        )


def check_wrapped(model: BaseAlgorithm, env: VecEnv) -> None:
    """Check that an environment normalises if an agent's own does so.

    Raises:
        ConfigError: It does not.

    Warns:
        UserWarning: It does, by a wrapper of Gymnasium, which nobody can share.
    """
    known = isinstance(model, BaseAlgorithm)
    own = model.get_vec_normalize_env() if known else None
    training = model.get_env() if known else None
    same = training is not None and training.unwrapped is env.unwrapped
    if not same and any(env.env_is_wrapped(NormalizeObservation)):
        warnings.warn(
            "env normalises by Gymnasium's NormalizeObservation, whose statistics are "
            "its own and go on learning: the agent was trained with others. Take "
            "SB3's VecNormalize, whose statistics can be shared.",
            stacklevel=3,
        )
    other = unwrap_vec_normalize(env)
    bare = other is None or not other.norm_obs
    if own is not None and own.norm_obs and bare:
        raise ConfigError(
            "The agent's own environment is normalised by a VecNormalize, env is not: "
            "wrap it in one with the same statistics."
        )


def check_stored(model: BaseAlgorithm) -> None:
    """Check that the observations of a replay buffer are those that an agent sees.

    A buffer holds them as they were before they were normalised. A loaded agent without
    an environment does not say whether they were. But where none is normalised, SB3
    keeps the observation that it stored last in the agent, too.

    Raises:
        NoObservationsError: The agent has no environment, and they may have been.
    """
    replay = getattr(model, "replay_buffer", None)
    if model.get_env() is not None or not isinstance(replay, ReplayBuffer):
        return
    last: Any = getattr(model, "_last_original_obs", None)
    stored: Any = replay.observations
    if last is not None and _equal(stored, last, replay.pos - 1):
        return
    raise NoObservationsError(
        "The replay buffer holds observations as they were before a VecNormalize, and "
        "this agent has no environment that says whether it was trained in one: load "
        "the agent with its environment, load(path, env=env), normalised as in "
        "training."
    )


def _equal(stored: Any, last: Any, step: int) -> bool:
    """Tell whether a step of a buffer holds an observation, or a dictionary of them."""
    if isinstance(stored, dict):
        return all(_equal(stored[key], last[key], step) for key in stored)
    return np.array_equal(stored[step].ravel(), np.ravel(last))


def seen(env: VecNormalize) -> bool:
    """Tell whether statistics of observations have seen any."""
    return any(found.count >= 1 for found in _statistics(env).values())


def distance(one: VecNormalize, other: VecNormalize) -> float:
    """Return how far statistics of observations are apart, in standard deviations.

    The largest difference of two means, divided by a standard deviation of ``one``, or
    of two standard deviations, if this is more; infinite if other keys are normalised.
    """
    left, right = _statistics(one), _statistics(other)
    if left.keys() != right.keys():
        return float("inf")
    return max(
        (_apart(left[key], right[key], one.epsilon) for key in left), default=0.0
    )


def _apart(one: RunningMeanStd, other: RunningMeanStd, epsilon: float) -> float:
    scale = np.sqrt(one.var + epsilon)
    means = np.abs(one.mean - other.mean) / scale
    scales = np.abs(np.sqrt(other.var + epsilon) / scale - 1)
    return float(max(means.max(initial=0.0), scales.max(initial=0.0)))


def _statistics(env: VecNormalize) -> dict[str, RunningMeanStd]:
    found: Any = env.obs_rms
    return found if isinstance(found, dict) else {"": found}


@contextmanager
def frozen_statistics(env: VecEnv) -> Iterator[None]:
    """Stop every ``VecNormalize`` from updating statistics and scaling rewards."""
    layers = []
    inner: Any = env
    while hasattr(inner, "venv"):
        layers += [inner] if isinstance(inner, VecNormalize) else []
        inner = inner.venv
    before = [(layer, layer.training, layer.norm_reward) for layer in layers]
    try:
        for layer in layers:
            layer.training = layer.norm_reward = False
        yield
    finally:
        for layer, training, norm_reward in before:
            layer.training, layer.norm_reward = training, norm_reward
