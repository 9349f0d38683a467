"""Normalisation: what VecNormalize does to observations, as a module of torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from sb3_prune.exceptions import ConfigError, ExportError
from sb3_prune.runs.pickles import check_moments, read_statistics

UNSAID: Any = object()
"""Nobody has said whether the agent was trained on normalised observations."""


class Normalisation(nn.Module):
    r"""Normalises observations as VecNormalize does, in float64.

    .. math:: \mathrm{clip}\left(
        \frac{o - \mu}{\sqrt{\sigma^2 + \epsilon}}, -c, c\right)

    Args:
        mean: Means, of the observation's shape.
        variance: Variances, of the same shape.
        epsilon: What is added to the variances.
        clip: Largest absolute value of the result.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self, mean: np.ndarray, variance: np.ndarray, epsilon: float, clip: float
    ) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        deviation = np.sqrt(np.asarray(variance, np.float64) + epsilon)
        self.register_buffer("deviation", torch.from_numpy(deviation))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the float32 observations that the agent reads, (batch, ...)."""
        scaled = (observation - self.mean) / self.deviation
        return scaled.clamp(-self.clip, self.clip).float()


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


def normalisations(
    statistics: VecNormalize | None, space: spaces.Space[Any]
) -> dict[str, Normalisation]:
    """Return the normalisation of each part of the observations that has one.

    Args:
        statistics: The statistics; None if there are none.
        space: The observations that the agent reads.

    Returns:
        Key of a dictionary of observations, else ``""``, -> normalisation.

    Raises:
        ExportError: The statistics are of other observations.
    """
    if statistics is None:
        return {}
    found: Mapping[str, Any]
    keyed = isinstance(statistics.obs_rms, dict)
    found = statistics.obs_rms if keyed else {"": statistics.obs_rms}
    parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    for key, moments in found.items():
        if key not in parts or parts[key].shape != moments.mean.shape:
            has = {name: part.shape for name, part in parts.items()}
            raise ExportError(
                f"vecnormalize has statistics of shape {moments.mean.shape} for "
                f"'{key or 'observations'}', but the agent's observations are {has}."
            )
    epsilon, clip = float(statistics.epsilon), float(statistics.clip_obs)
    return {
        key: Normalisation(moments.mean, moments.var, epsilon, clip)
        for key, moments in found.items()
    }
