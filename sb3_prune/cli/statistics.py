"""Statistics: normalise environments as ``VecNormalize`` did while an agent trained."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sb3_prune.exceptions import CheckpointError, NonFiniteError


def normalise(env: VecEnv, path: Path, *, learning: bool) -> VecNormalize:
    """Wrap environments in the ``VecNormalize`` that ``save`` wrote to a file.

    Like ``VecNormalize.load`` this unpickles the file, which can run any code: load
    only files you trust.

    Args:
        env: Environments whose observations are not normalised yet.
        path: The file.
        learning: Let the statistics learn, and scale rewards if they were scaled when
            the file was saved. Otherwise they are frozen and rewards stay as they are.

    Raises:
        CheckpointError: The file is missing or broken, is no ``VecNormalize``, or is
            for other observations.
        NonFiniteError: A statistic is NaN or infinite.
    """
    found = _read(path)
    try:
        found.set_venv(env)
    except (AssertionError, AttributeError) as error:
        raise CheckpointError(
            f"'{path}' has statistics of another environment: {error}."
        ) from error
    # The pickled one may be that of a branching agent whose plain zip acts jointly.
    found.action_space = env.action_space
    found.training = learning
    found.norm_reward = found.norm_reward and learning
    return found


def _read(path: Path) -> VecNormalize:
    if not path.is_file():
        raise CheckpointError(
            f"'{path}' does not exist: it should have the statistics of VecNormalize "
            "that the agent was trained with; --vecnormalize names another file."
        )
    try:
        with path.open("rb") as file:
            found = pickle.load(file)
    except Exception as error:  # Unpickling can raise any exception.
        raise CheckpointError(
            f"'{path}' cannot be loaded as statistics of VecNormalize: {error!r}."
        ) from error
    if not isinstance(found, VecNormalize):
        raise CheckpointError(
            f"'{path}' has no VecNormalize but {type(found).__name__}: expected a file "
            "of VecNormalize.save."
        )
    _check_finite(path, found)
    return found


def _check_finite(path: Path, found: VecNormalize) -> None:
    known: Any = found.obs_rms if found.norm_obs else {}
    each = known if isinstance(known, dict) else {"observations": known}
    for name, moments in each.items():
        if not np.isfinite([moments.mean, moments.var]).all():
            raise NonFiniteError(f"'{path}' has NaN or infinity for {name}.")
