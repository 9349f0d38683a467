"""Normalisation: what VecNormalize does to observations, as a module of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from sb3_prune.exceptions import ExportError


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
    found = moments_of(statistics)
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


def moments_of(statistics: VecNormalize) -> Mapping[str, Any]:
    """Return the moments of each part of the observations that is normalised.

    Returns:
        Key of a dictionary of observations, else ``""``, -> mean and variance.
    """
    known: Any = statistics.obs_rms
    if not isinstance(known, dict):
        return {"": known}
    return {key: known[key] for key in statistics.norm_obs_keys or ()}
