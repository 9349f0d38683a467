"""Effective rank: how many directions of activation space a layer uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sb3_prune.analysis import Analysis, LayerValues
from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import Recording

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class EffectiveRankConfig:
    """How much of the spectrum ``srank`` leaves out."""

    delta: float = 0.01
    """Share of the sum of the singular values that ``srank`` leaves out."""

    def __post_init__(self) -> None:
        if not 0 <= self.delta < 1:
            raise ConfigError(f"delta must be in [0, 1), got {self.delta}.")


class EffectiveRank(Analysis):
    r"""Two soft ranks of every layer's activation matrix (steps, units).

    With singular values :math:`\sigma_1 \ge \sigma_2 \ge \dots` and
    :math:`p_i = \sigma_i / \sum_j \sigma_j`

    .. math:: srank_\delta = \min \Big\{ k : \sum_{i \le k} p_i \ge 1 - \delta \Big\},
        \quad erank = \exp \Big( - \sum_i p_i \ln p_i \Big)

    Unlike the exact rank, both hardly change if small singular values are added. Both
    are at most the number of units, and 0 if the layer is dead.
    """

    name = "effective-rank"
    reference = (
        'Kumar et al. 2021, "Implicit under-parameterization inhibits data-efficient '
        'deep reinforcement learning", section 3 (srank); Roy & Vetterli 2007, "The '
        'effective rank: a measure of effective dimensionality" (erank)'
    )
    Config = EffectiveRankConfig
    config: EffectiveRankConfig

    def analyze(self, recording: Recording) -> LayerValues:
        """Return the number of units, srank and erank by layer."""
        found = {}
        for layer, units in recording.units().items():
            sigma = singular_values(recording, layer)
            found[layer] = {
                "srank": float(srank(sigma, self.config.delta)),
                "effective rank": erank(sigma),
                "units": float(units),
            }
        return LayerValues(
            title="Directions that a layer uses",
            ylabel="number of directions",
            values=found,
        )


def singular_values(recording: Recording, layer: str) -> Floats:
    """Return the singular values of a layer's activations, descending, (units,).

    They are the square roots of the Gram matrix's eigenvalues. The Gram matrix can be
    summed episode by episode, which saves memory. It loses singular values below about
    1e-8 of the largest, which do not matter to either rank.
    """
    gram = sum(
        steps.T @ steps
        for steps in (part.astype(float) for part in recording.by_episode(layer))
    )
    values: Floats = np.sqrt(np.linalg.eigvalsh(gram).clip(0))[::-1]
    return values


def srank(sigma: Floats, delta: float = 0.01) -> int:
    """Return the number of largest singular values that sum to 1 - delta of the total.

    Args:
        sigma: Singular values, descending, (units,).
        delta: Share of their sum that may be left out.
    """
    if not sigma.any():
        return 0
    share = np.cumsum(sigma) / sigma.sum()
    # Rounding: shares that should sum to 1 may sum to 1 - 1e-16.
    return int(np.argmax(share >= 1 - delta - 1e-12)) + 1


def erank(sigma: Floats) -> float:
    """Return the exponential of the entropy of the normalised singular values."""
    shares = sigma[sigma > 0] / (sigma.sum() or 1)
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0
