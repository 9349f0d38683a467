"""Normalising: statistics of ``VecNormalize`` for the new observations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import TransplantError
from sb3_prune.recording.normalisation import check_seen
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.transplanting.entries import Part
from sb3_prune.transplanting.observing import ObservationMap
from sb3_prune.transplanting.playing import shapes

FEW = 1_000
"""Observations that statistics count for at most where some are of a new sensor."""


def check_statistics(
    old: BaseAlgorithm, new: BaseAlgorithm, seen: ObservationMap
) -> None:
    """Check that both agents see normalised observations, or none of them does.

    Args:
        old: The old agent.
        new: The new agent.
        seen: Which old observation each new one is.

    Raises:
        TransplantError: Only one of them does, or the statistics are of other numbers
            than the agents see, as below ``VecFrameStack``, and these change, or those
            of the old agent would be changed.
        ConfigError: Those of the old agent have seen nothing, though it was trained.
    """
    own = new.get_vec_normalize_env()
    if own is not None and own is old.get_vec_normalize_env() and not seen.is_same:
        raise TransplantError(
            "env has the VecNormalize of the old agent, whose statistics would be "
            "changed: give an environment with one of its own."
        )
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
    check_seen(old, ours, "The VecNormalize of the old agent")
    _check_settings(ours, theirs)
    _check_keys(ours, theirs, seen)
    if seen.is_same:
        _check_numbers(ours, theirs)
        return
    for model, env in ((old, ours), (new, theirs)):
        given, got = shapes(env), shapes(model)
        if any(given[key] != got[key] for key in by_key(env.obs_rms)):
            raise TransplantError(
                f"VecNormalize scales observations of {env.observation_space}, but the "
                f"agent sees those of {model.observation_space}: put VecNormalize "
                "around VecFrameStack and others that change what is seen."
            )


REWARDS = ("norm_reward", "gamma", "clip_reward", "epsilon")
"""Settings by which rewards are scaled."""


def check_rewards(old: BaseAlgorithm, new: BaseAlgorithm) -> None:
    """Check that both agents get rewards of the same scale, on which values rest.

    Args:
        old: The old agent.
        new: The new agent.

    Raises:
        TransplantError: They do not.
    """
    ours, theirs = (_rewarding(model) for model in (old, new))
    if ours is None and theirs is None:
        return
    if ours is None or theirs is None:
        raise TransplantError(
            f"VecNormalize scales rewards of the old agent: {ours is not None}, of the "
            f"new one: {theirs is not None}. Values are of other rewards then: give "
            "both the same norm_reward, or the old one's VecNormalize by vecnormalize=."
        )
    for name in REWARDS:
        _check_setting(name, ours, theirs)


def _check_keys(ours: VecNormalize, theirs: VecNormalize, seen: ObservationMap) -> None:
    """Check that what was normalised is normalised, and nothing else is.

    Raises:
        TransplantError: An entry would be seen on another scale.
    """
    for part in seen.new:
        for _, old, _ in seen.carried(part):
            scaled = old.key in by_key(ours.obs_rms), part.key in by_key(theirs.obs_rms)
            if scaled[0] != scaled[1]:
                raise TransplantError(
                    f"VecNormalize scales {old} of the old agent: {scaled[0]}, and "
                    f"{part} of the new one: {scaled[1]}. Give both the same "
                    "norm_obs_keys."
                )


def _check_settings(ours: VecNormalize, theirs: VecNormalize) -> None:
    """Check that both scale observations in the same way, once statistics are equal.

    Raises:
        TransplantError: They do not.
    """
    for name in ("clip_obs", "epsilon"):
        _check_setting(name, ours, theirs)


def _check_setting(name: str, ours: VecNormalize, theirs: VecNormalize) -> None:
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
    if shapes(ours) != shapes(theirs):
        raise TransplantError(
            f"VecNormalize of env scales observations of {theirs.observation_space}, "
            f"that of the old agent those of {ours.observation_space}: put it on the "
            "same side of VecFrameStack."
        )


def _normalising(model: BaseAlgorithm) -> VecNormalize | None:
    """Return what scales the observations of an agent, if anything does."""
    env = model.get_vec_normalize_env()
    return env if env is not None and env.norm_obs else None


def _rewarding(model: BaseAlgorithm) -> VecNormalize | None:
    """Return what scales the rewards of an agent, if anything does."""
    env = model.get_vec_normalize_env()
    return env if env is not None and env.norm_reward else None


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
    old: BaseAlgorithm, new: BaseAlgorithm, seen: ObservationMap
) -> None:
    """Carry the statistics of ``VecNormalize`` over, if there are any.

    One count serves all observations of a key. With a count of a million, the mean of a
    new sensor would hardly move. So if there is a new one, the count is lowered.

    Args:
        old: The old agent.
        new: The new agent, whose statistics are replaced.
        seen: Which old observation each new one is.
    """
    ours, theirs = old.get_vec_normalize_env(), new.get_vec_normalize_env()
    if ours is None or theirs is None:
        return
    theirs.ret_rms = ours.ret_rms.copy()
    if not ours.norm_obs:
        return
    given, known = by_key(ours.obs_rms), by_key(theirs.obs_rms)
    # Below VecFrameStack, single frames are scaled.
    found = (
        {key: rms.copy() for key, rms in given.items()}
        if seen.is_same
        else _mapped(given, known, seen)
    )
    theirs.obs_rms = found if isinstance(theirs.obs_rms, dict) else found[""]


Statistics = Mapping[str, RunningMeanStd]


def _mapped(
    given: Statistics, known: Statistics, seen: ObservationMap
) -> dict[str, RunningMeanStd]:
    """Return the statistics of the new observations, by key."""
    means = {key: rms.mean for key, rms in given.items()}
    variances = {key: rms.var for key, rms in given.items()}
    shapes = {key: rms.mean.shape for key, rms in known.items()}
    zeros = {key: np.zeros(shape) for key, shape in shapes.items()}
    ones = {key: np.ones(shape) for key, shape in shapes.items()}
    found = {}
    for part in seen.new:
        if part.key in known:
            rms = found[part.key] = RunningMeanStd(shape=shapes[part.key])
            rms.mean = by_key(seen.mapped(means, zeros))[part.key]
            rms.var = by_key(seen.mapped(variances, ones))[part.key]
            rms.count = _count(given, part, seen)
    return found


def _count(given: Statistics, part: Part, seen: ObservationMap) -> float:
    """Return for how many observations the statistics of a part count."""
    counts = [given[old.key].count for _, old, _ in seen.carried(part)]
    if not counts:
        return float(RunningMeanStd().count)
    most = FEW if seen.is_wider(part) else max(counts)
    return min(most, *counts)
