"""Statistics: by which ones are an agent's observations normalised?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecEnvWrapper,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording.normalisation import check_seen
from sb3_prune.runs.pickles import check_moments, read_statistics

UNSAID: Any = object()
"""Nobody has said whether the agent was trained on normalised observations."""

UNCHANGING = (
    VecCheckNan,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)
"""Wrappers that leave observations that are normalised as they are. A VecNormalize that
does not normalise them is one, too."""


def statistics_for(model: BaseAlgorithm, given: Any) -> VecNormalize | None:
    """Return the statistics that an agent's observations are normalised by.

    Args:
        model: The agent.
        given: A ``VecNormalize``, a file of one, or None or ``"none"`` if observations
            are not normalised. :data:`UNSAID` takes those of the model's environment.

    Raises:
        ConfigError: Nobody says whether observations are normalised, the model's
            environment says otherwise, more than a plain VecNormalize changes them, or
            the statistics have seen nothing, though the agent was trained.
        CheckpointError: The file or the statistics are damaged.
    """
    known = _around(model)
    if given is UNSAID and known is None:
        raise ConfigError(
            "vecnormalize must be said, since nothing in an agent tells whether it was "
            "trained on normalised observations: a VecNormalize, its file, or None."
        )
    found = known if given is UNSAID else _opened(given)
    if found is not None:
        _check_plain(found)
        check_moments(found, "vecnormalize")
        check_seen(model, found, "vecnormalize")
        found = found if found.norm_obs else None
    if found is None and known is not None:
        raise ConfigError(
            "vecnormalize says that observations are not normalised, but the agent's "
            "environment normalises them: leave vecnormalize out, or give the "
            "statistics."
        )
    return found


def _around(model: BaseAlgorithm) -> VecNormalize | None:
    """Return what normalises the observations of the model's environment, if it does.

    Raises:
        ConfigError: There are two, or something may change normalised observations.
    """
    found, env = [], model.get_env()
    outside: list[str] = []
    while isinstance(env, VecEnvWrapper):
        if isinstance(env, VecNormalize) and env.norm_obs:
            found.append(env)
        elif not found and not isinstance(env, UNCHANGING):
            outside.append(type(env).__name__)
        env = env.venv
    if len(found) > 1 or (found and outside):
        other = outside[0] if outside else "another VecNormalize"
        raise ConfigError(
            f"The model's environment has a VecNormalize inside of {other}, and the "
            "export would only do the first: put VecNormalize outside, or load the "
            "model without an environment and say what normalises what it reads."
        )
    return found[0] if found else None


def _check_plain(found: VecNormalize) -> None:
    for name in ("normalize_obs", "_normalize_obs"):
        if getattr(type(found), name) is not getattr(VecNormalize, name):
            raise ConfigError(
                f"{type(found).__name__} overrides {name}, which an export would leave "
                "out: it does what VecNormalize does."
            )


def _opened(given: Any) -> VecNormalize | None:
    if given is None or given == "none":
        return None
    if isinstance(given, VecNormalize):
        return given
    if isinstance(given, str | Path):
        return read_statistics(Path(given))
    raise ConfigError(
        f"vecnormalize must be a VecNormalize, a file of one, or None; got {given!r}."
    )
