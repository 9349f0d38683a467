"""Normalising: statistics of ``VecNormalize`` for the new observations."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.ids import Sources, is_same

FEW = 1_000
"""Observations that statistics count for at most where some are of a new sensor."""


def check_statistics(old: BaseAlgorithm, new: BaseAlgorithm) -> None:
    """Check that both agents see normalised observations, or none of them does.

    Raises:
        TransplantError: Only one of them does.
    """
    has = [model.get_vec_normalize_env() is not None for model in (old, new)]
    if has[0] and not has[1]:
        raise TransplantError(
            "The old agent sees observations that VecNormalize has scaled: wrap env in "
            "VecNormalize, too. Its statistics are carried over."
        )
    if has[1] and not has[0]:
        raise TransplantError(
            "env has VecNormalize, but the old agent sees observations as they are: "
            "give env without it, or give the old agent its own by old.set_env()."
        )


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
    if not isinstance(ours.obs_rms, RunningMeanStd):
        theirs.obs_rms = {key: rms.copy() for key, rms in ours.obs_rms.items()}
        return
    if not observations or is_same(observations, len(ours.obs_rms.mean)):
        theirs.obs_rms = ours.obs_rms.copy()
        return
    theirs.obs_rms = _mapped(ours.obs_rms, observations)


def _mapped(old: RunningMeanStd, observations: Sources) -> RunningMeanStd:
    new = RunningMeanStd(shape=(len(observations),))
    new.mean = np.array([0.0 if s is None else old.mean[s] for s in observations])
    new.var = np.array([1.0 if s is None else old.var[s] for s in observations])
    new.count = min(old.count, FEW) if None in observations else old.count
    return new
