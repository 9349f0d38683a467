"""Pickles: read what SB3 saves beside a zip, and check it.

Unpickling can run any code, so load only files you trust.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import CheckpointError, NonFiniteError, SB3PruneError

T = TypeVar("T")


def read_statistics(path: Path) -> VecNormalize:
    """Return what ``VecNormalize.save`` wrote; it has no environment yet.

    Args:
        path: The file.

    Raises:
        CheckpointError: The file is missing or broken, is no ``VecNormalize``, or has a
            negative variance.
        NonFiniteError: A statistic is NaN or infinite.
    """
    found = _read(path, VecNormalize, "statistics of VecNormalize")
    check_moments(found, f"'{path}'")
    return found


def read_replay_buffer(path: Path) -> ReplayBuffer:
    """Return what ``save_replay_buffer`` of an algorithm wrote.

    Args:
        path: The file.

    Raises:
        CheckpointError: The file is missing or broken, or is no replay buffer.
    """
    found = _read(path, ReplayBuffer, "a replay buffer")
    if not hasattr(found, "handle_timeout_termination"):  # As SB3 does since 2.1.
        found.handle_timeout_termination = False
        found.timeouts = np.zeros_like(found.dones)
    return found


def check_moments(env: VecNormalize, what: str) -> None:
    """Check the statistics of a ``VecNormalize``.

    Args:
        env: Its environment may be missing.
        what: What it is, for error messages.

    Raises:
        CheckpointError: A variance is negative, or something is missing.
        NonFiniteError: A statistic is NaN or infinite.
    """
    try:
        _check_moments(env, what)
    except SB3PruneError:
        raise
    except Exception as error:  # Anything can be missing, or something else.
        raise CheckpointError(f"{what} is damaged: {error!r}.") from error


def _check_moments(env: VecNormalize, what: str) -> None:
    known: Any = env.obs_rms if env.norm_obs else {}
    each = known if isinstance(known, dict) else {"observations": known}
    for name, moments in {**each, "rewards": env.ret_rms}.items():
        if not np.isfinite([moments.mean, moments.var]).all():
            raise NonFiniteError(f"{what} has NaN or infinity for {name}.")
        if np.any(moments.var < 0):
            raise CheckpointError(f"{what} has a negative variance for {name}.")


def _read(path: Path, cls: type[T], what: str) -> T:
    if not path.is_file():
        raise CheckpointError(f"'{path}' does not exist: it should have {what}.")
    try:
        with path.open("rb") as file:
            found = pickle.load(file)
    except Exception as error:  # Unpickling can raise any exception.
        raise CheckpointError(
            f"'{path}' cannot be loaded as {what}: {error!r}."
        ) from error
    if not isinstance(found, cls):
        raise CheckpointError(
            f"'{path}' has no {cls.__name__} but {type(found).__name__}: expected "
            f"{what}, as SB3 saves it."
        )
    return found
