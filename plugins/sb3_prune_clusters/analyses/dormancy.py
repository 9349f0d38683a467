"""Dormancy: the share of units whose activations are zero or small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sb3_prune.analysis import Analysis, LayerValues
from sb3_prune.exceptions import ConfigError, require_finite
from sb3_prune.recording import Recording


@dataclass(frozen=True, kw_only=True)
class DormancyConfig:
    """The scores up to which a unit counts as dormant."""

    thresholds: tuple[float, ...] = (0.025, 0.1)
    """Largest score of a dormant unit; the share is reported for each threshold."""

    def __post_init__(self) -> None:
        if not self.thresholds:
            raise ConfigError("thresholds must have at least one score, got none.")
        for threshold in self.thresholds:
            require_finite("thresholds", threshold)


class Dormancy(Analysis):
    r"""Share of units in every layer that are dead or dormant.

    .. math:: s_i = E|h_i| \big/ \tfrac{1}{K} \sum_k E|h_k|

    The score :math:`s_i` is the mean activation of unit i relative to its layer of K
    units. The expectation is over all steps. A unit is dormant if :math:`s_i \le \tau`
    and dead if its activation is always zero. If all units of a layer are dead, all its
    scores are zero.
    """

    name = "dormancy"
    reference = (
        'Sokar et al. 2023, "The dormant neuron phenomenon in deep reinforcement '
        'learning", definition 3.1'
    )
    Config = DormancyConfig
    config: DormancyConfig

    def analyze(self, recording: Recording) -> LayerValues:
        """Return the shares of dead and dormant units by layer."""
        found = {}
        for layer in recording.activations:
            score = scores(recording, layer)
            found[layer] = {"dead": float(recording.silent(layer).mean())} | {
                f"score ≤ {tau:g}": float((score <= tau).mean())
                for tau in self.config.thresholds
            }
        return LayerValues(
            title="Units that are dead, or dormant by their score",
            ylabel="share of the layer's units",
            values=found,
            percent=True,
        )


def scores(recording: Recording, layer: str) -> NDArray[np.float64]:
    """Return the score of each unit, (units,); all zero if the layer is dead."""
    total = sum(
        np.abs(steps).sum(axis=0, dtype=float) for steps in recording.by_episode(layer)
    )
    mean: NDArray[np.float64] = total / recording.lengths.sum()
    return mean / mean.mean() if mean.any() else mean
