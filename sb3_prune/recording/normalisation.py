"""Normalisation: do the observations that an agent gets look like those it knows?

SB3 saves the statistics of a ``VecNormalize`` apart from the agent. Whoever loads one
has to bring both together again.
"""

from __future__ import annotations

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
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.warning import warn

APART = 0.1
"""Statistics are told to differ if means do by more than so many standard deviations,
or standard deviations by more than this share."""
PRIOR = 1e-4
"""Weight of the mean 0 and the variance 1 with which SB3 begins statistics."""
FIRST = 8
"""Entries of observations that are compared first."""


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
    if other is None or not other.norm_obs:
        return
    own = own if own is not None and own.norm_obs else None
    if own is None or own is other or own.training or seen(own):
        check_seen(model, other, "env")
    if own is other:
        return
    if own is not None:
        _tell_difference(own, other)
    if known and own is None and model.get_env() is not None:
        warn(
            "env normalises observations, the agent's own environment does not: the "
            "agent sees other observations than there."
        )


def check_seen(model: BaseAlgorithm, env: VecNormalize, what: str) -> None:
    """Check that statistics can be those by which a trained agent sees observations.

    Args:
        model: The agent; of one that only has ``predict`` nothing is known.
        env: The statistics.
        what: What they are, for the error message.

    Raises:
        ConfigError: They have seen nothing, though the agent was trained.
    """
    steps = getattr(model, "num_timesteps", 0)
    if env.norm_obs and steps and not seen(env):
        raise ConfigError(
            f"{what} normalises observations by statistics that have seen none, but "
            f"the agent was trained for {steps:,} steps: take those of its training, "
            "VecNormalize.load(path, env). If it was trained by just these, set the "
            "count of obs_rms, or of that of a key, to 1."
        )


def _tell_difference(own: VecNormalize, other: VecNormalize) -> None:
    ours, theirs = sorted(_statistics(own)), sorted(_statistics(other))
    if ours != theirs:
        how = f"those of {theirs}, the agent's own environment those of {ours}."
    elif (far := distance(own, other)) > APART:
        how = f"others by {far:.2g} standard deviations than the agent's own."
    else:
        return
    warn(
        f"env normalises observations by other statistics: {how} Load those of the "
        "training, or copy them with sync_envs_normalization."
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
        warn(
            "env normalises by Gymnasium's NormalizeObservation, whose statistics are "
            "its own and go on learning: the agent was trained with others. Take "
            "SB3's VecNormalize, whose statistics can be shared."
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

    A buffer holds them as they were before a ``VecNormalize``. A loaded agent has no
    environment that says whether there was one, but it knows what it saw last: where
    nothing is normalised, the buffer holds that, or an episode has just begun.

    Raises:
        NoObservationsError: The agent has no environment, and observations may have
            been normalised.
    """
    replay = getattr(model, "replay_buffer", None)
    if model.get_env() is not None or not isinstance(replay, ReplayBuffer):
        return
    last, original = model._last_obs, model._last_original_obs
    if last is None or original is None:  # It has not been trained.
        return
    keys = by_key(last)
    if all(_is_raw(replay, key, keys[key], by_key(original)[key]) for key in keys):
        return
    raise NoObservationsError(
        "The replay buffer holds observations as they were before a VecNormalize, and "
        "this agent has no environment that says whether it was trained in one. Load "
        "the agent with its environment, load(path, env=env), normalised as in "
        "training; or pass env to prune."
    )


def _is_raw(replay: ReplayBuffer, key: str, last: Any, original: Any) -> bool:
    """Tell whether an agent saw observations as they are in a buffer."""
    if np.array_equal(last, original):  # A VecNormalize may only scale rewards.
        return True
    before = by_key(replay.observations)[key]
    after = by_key(getattr(replay, "next_observations", replay.observations))[key]
    step = replay.pos - 1
    return all(
        _holds(before[:, i], last[i])
        or _holds(after[:, i], last[i])
        or (replay.dones[step, i] and _holds(before[step : step + 1 or None, i], own))
        for i, own in enumerate(original)
    )


def _holds(stored: Any, wanted: Any) -> bool:
    """Tell whether one of several observations is the one that is wanted."""
    rows = stored.reshape(len(stored), -1)
    row = np.ravel(wanted).astype(rows.dtype)
    alike = np.flatnonzero((rows[:, :FIRST] == row[:FIRST]).all(axis=1))
    return any(np.array_equal(rows[step], row) for step in alike)


def seen(env: VecNormalize) -> bool:
    """Tell whether statistics of observations have seen any, or were set by hand.

    Those of no key of a dictionary have nothing to see.
    """
    known = _statistics(env).values()
    return not known or any(
        found.count >= 1 or found.mean.any() or (found.var != 1).any()
        for found in known
    )


def distance(one: VecNormalize, other: VecNormalize) -> float:
    """Return how far statistics of observations are apart, in standard deviations.

    The largest difference of two means, divided by a standard deviation of ``one``, or
    of two standard deviations, if this is more.

    Args:
        one: Statistics.
        other: Statistics with the same keys.
    """
    left, right = _statistics(one), _statistics(other)
    return max(_apart(left[key], right[key], one.epsilon) for key in left)


def _apart(one: RunningMeanStd, other: RunningMeanStd, epsilon: float) -> float:
    scale = np.sqrt(one.var + epsilon)
    means = np.abs(one.mean - other.mean) / scale
    scales = np.abs(np.sqrt(other.var + epsilon) / scale - 1)
    scales = np.where(_is_constant(one) & _is_constant(other), 0.0, scales)
    return float(max(means.max(initial=0.0), scales.max(initial=0.0)))


def _is_constant(found: RunningMeanStd) -> Any:
    """Tell which entries have not varied: their variance only tells how many came."""
    return found.var * found.count < 10 * PRIOR * (1 + found.mean**2)


def _statistics(env: VecNormalize) -> dict[str, RunningMeanStd]:
    return by_key(env.obs_rms)


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
