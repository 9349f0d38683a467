"""Normalising: statistics of ``VecNormalize`` for the new observations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.ids import Sources, is_same

FEW = 1_000
"""Observations that statistics count for at most where some are of a new sensor."""


def check_statistics(
    old: BaseAlgorithm, new: BaseAlgorithm, observations: Sources
) -> None:
    """Check that both agents see normalised observations, or none of them does.

    Args:
        old: The old agent.
        new: The new agent.
        observations: Which old observation each new one is.

    Raises:
        TransplantError: Only one of them does, or the statistics are of other numbers
            than the agents see, as below ``VecFrameStack``, and these change.
    """
    ours, theirs = _normalising(old), _normalising(new)
    if ours and not theirs:
        raise TransplantError(
            "The old agent sees observations that VecNormalize has scaled: wrap env in "
            "VecNormalize, too, with norm_obs. Its statistics are carried over."
        )
    if theirs and not ours:
        raise TransplantError(
            "env has VecNormalize, but the old agent sees observations as they are: "
            "give env without it or with norm_obs=False, or give the old agent's own "
            "by vecnormalize=."
        )
    if not ours or not theirs:
        return
    _check_settings(ours, theirs)
    if not _changes(ours, observations):
        _check_numbers(ours, theirs)
        return
    for model, env in ((old, ours), (new, theirs)):
        if env.observation_space.shape != model.observation_space.shape:
            raise TransplantError(
                f"VecNormalize scales observations of {env.observation_space}, but the "
                f"agent sees those of {model.observation_space}: put VecNormalize "
                "around VecFrameStack and others that change what is seen."
            )


def _check_settings(ours: VecNormalize, theirs: VecNormalize) -> None:
    """Check that both scale observations in the same way, once statistics are equal.

    Raises:
        TransplantError: They do not.
    """
    for name in ("clip_obs", "epsilon"):
        pair = getattr(ours, name), getattr(theirs, name)
        if pair[0] != pair[1]:
            raise TransplantError(
                f"VecNormalize of env has {name} = {pair[1]}, that of the old agent "
                f"{pair[0]}: give it the same."
            )


def _check_numbers(ours: VecNormalize, theirs: VecNormalize) -> None:
    """Check that statistics which stay as they are fit the new environment.

    Raises:
        TransplantError: One scales single frames, and the other one stacked ones.
    """
    spaces = ours.observation_space, theirs.observation_space
    if spaces[0].shape != spaces[1].shape:
        raise TransplantError(
            f"VecNormalize of env scales observations of {spaces[1]}, that of the old "
            f"agent those of {spaces[0]}: put it on the same side of VecFrameStack."
        )


def _normalising(model: BaseAlgorithm) -> VecNormalize | None:
    """Return what scales the observations of an agent, if anything does."""
    env = model.get_vec_normalize_env()
    return env if env is not None and env.norm_obs else None


def _changes(env: VecNormalize, observations: Sources) -> bool:
    """Tell whether the statistics of vectors cannot stay as they are."""
    rms = env.obs_rms
    if not observations or not isinstance(rms, RunningMeanStd):
        return False
    most = max(source for source in observations if source is not None) + 1
    return not is_same(observations, max(most, len(rms.mean)))


@contextmanager
def same_statistics(model: BaseAlgorithm) -> Iterator[None]:
    """Put back the statistics of a model's environment afterwards."""
    env = model.get_vec_normalize_env()
    before = {n: getattr(env, n) for n in ("obs_rms", "ret_rms") if hasattr(env, n)}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(env, name, value)


def carry_statistics(
    old: BaseAlgorithm, new: BaseAlgorithm, observations: Sources
) -> None:
    """Carry the statistics of ``VecNormalize`` over, if there are any.

    One count serves all observations. With a count of a million, the mean of a new
    sensor would hardly move. So if there is a new one, the count is lowered.

    Args:
        old: The old agent.
        new: The new agent, whose statistics are replaced.
        observations: Which old observation each new one is.
    """
    ours, theirs = old.get_vec_normalize_env(), new.get_vec_normalize_env()
    if ours is None or theirs is None:
        return
    theirs.ret_rms = ours.ret_rms.copy()
    if not ours.norm_obs:
        return
    if not isinstance(ours.obs_rms, RunningMeanStd):
        theirs.obs_rms = {key: rms.copy() for key, rms in ours.obs_rms.items()}
    elif _changes(ours, observations):
        theirs.obs_rms = _mapped(ours.obs_rms, observations)
    else:  # Below VecFrameStack, single frames are scaled.
        theirs.obs_rms = ours.obs_rms.copy()


def _mapped(old: RunningMeanStd, observations: Sources) -> RunningMeanStd:
    new = RunningMeanStd(shape=(len(observations),))
    new.mean = np.array([0.0 if s is None else old.mean[s] for s in observations])
    new.var = np.array([1.0 if s is None else old.var[s] for s in observations])
    new.count = min(old.count, FEW) if None in observations else old.count
    return new
