"""Statistics: by which ones are an agent's observations normalised?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.pickles import check_moments, read_statistics

UNSAID: Any = object()
"""Nobody has said whether the agent was trained on normalised observations."""


def statistics_for(model: BaseAlgorithm, given: Any) -> VecNormalize | None:
    """Return the statistics that an agent's observations are normalised by.

    Args:
        model: The agent.
        given: A ``VecNormalize``, a file of one, or None or ``"none"`` if observations
            are not normalised. :data:`UNSAID` takes those of the model's environment.

    Raises:
        ConfigError: Nobody says whether observations are normalised, or the model's
            environment says otherwise.
        CheckpointError: The file or the statistics are damaged.
    """
    known = model.get_vec_normalize_env()
    known = known if known is not None and known.norm_obs else None
    if given is UNSAID and known is None:
        raise ConfigError(
            "vecnormalize must be said, since nothing in an agent tells whether it was "
            "trained on normalised observations: a VecNormalize, its file, or None."
        )
    if given is None or given == "none":
        if known is not None:
            raise ConfigError(
                "vecnormalize is None, but the agent's environment normalises "
                "observations: leave vecnormalize out, or give the statistics."
            )
        return None
    found = known if given is UNSAID else _opened(given)
    assert found is not None
    check_moments(found, "vecnormalize")
    return found if found.norm_obs else None


def _opened(given: Any) -> VecNormalize:
    if isinstance(given, VecNormalize):
        return given
    if isinstance(given, str | Path):
        return read_statistics(Path(given))
    raise ConfigError(
        f"vecnormalize must be a VecNormalize, a file of one, or None; got {given!r}."
    )
