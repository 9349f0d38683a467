"""Entropy: how much information each unit's activation can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from sb3_prune.analysis import Analysis, Result
from sb3_prune.analysis.figures import draw_units
from sb3_prune.exceptions import require_at_least
from sb3_prune.recording import Recording

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class EntropyConfig:
    """How the activations are binned."""

    bins: int = 32
    """Bins of each unit's histogram; the entropy is at most log2(bins)."""

    def __post_init__(self) -> None:
        require_at_least("bins", self.bins, 2)


@dataclass(frozen=True, kw_only=True)
class EntropyResult(Result):
    """Both entropies of every unit."""

    histogram: Mapping[str, Floats]
    """Layer name -> entropy of each unit's histogram in bits, (units,)."""
    binary: Mapping[str, Floats]
    """Layer name -> entropy of each unit's two states, active or not, in bits."""
    bins: int
    """Bins of the histograms."""
    title: str = "Entropy of each unit's activation"
    figsize = (8.0, 3.4)

    def to_dict(self) -> Mapping[str, Any]:
        """Return mean, standard deviation and values by layer, for both entropies."""
        return {
            "bins": self.bins,
            "histogram": {k: _summary(v) for k, v in self.histogram.items()},
            "binary": {k: _summary(v) for k, v in self.binary.items()},
        }

    def draw(self, figure: FigureBase) -> None:
        """Draw a point for each unit and a line for each layer's mean."""
        left, right = figure.subplots(1, 2)
        draw_units(left, self.histogram)
        draw_units(right, self.binary)
        left.set_ylabel(f"bits, {self.bins} bins", fontsize=9)
        right.set_ylabel("bits, active or not", fontsize=9)
        left.set_ylim(-0.03 * np.log2(self.bins), 1.03 * np.log2(self.bins))
        right.set_ylim(-0.03, 1.03)


class Entropy(Analysis):
    r"""Entropy of each unit's activation over all steps, in bits.

    .. math:: H_i = - \sum_b p_{ib} \log_2 p_{ib}

    It is computed twice. The first entropy is over the bins b of a histogram from 0 to
    the unit's maximum (from the minimum, if that is negative). The second is over two
    states: active (above 0) or not. A unit with low entropy has nearly always the same
    activation.
    """

    name = "entropy"
    reference = (
        'Luo & Wu 2017, "An entropy-based pruning method for CNN compression", '
        'equation 1 (histogram); Liao et al. 2023, "Can unstructured pruning reduce '
        'the depth in deep neural networks?" (two states)'
    )
    Config = EntropyConfig
    config: EntropyConfig

    def analyze(self, recording: Recording) -> EntropyResult:
        """Return both entropies of every unit."""
        bins = self.config.bins
        layers = recording.activations
        return EntropyResult(
            histogram={k: entropy(histograms(recording, k, bins)) for k in layers},
            binary={k: entropy(states(recording, k)) for k in layers},
            bins=bins,
        )


def histograms(recording: Recording, layer: str, bins: int) -> NDArray[np.int64]:
    """Return each unit's histogram over bins of equal width, (units, bins)."""
    array = recording.layer(layer)
    low = np.minimum(array.min(axis=(0, 1)), 0)
    span = np.maximum(array.max(axis=(0, 1)), 0) - low
    span[span == 0] = 1  # A silent unit is always in the first bin.
    units = len(span)
    counts = np.zeros(units * bins, dtype=np.int64)
    for steps in recording.by_episode(layer):
        place = ((steps - low) / span * bins).astype(int).clip(max=bins - 1)
        counts += np.bincount(
            (place + np.arange(units) * bins).ravel(), minlength=units * bins
        )
    return counts.reshape(units, bins)


def states(recording: Recording, layer: str) -> NDArray[np.int64]:
    """Return the numbers of steps in which each unit was active and not, (units, 2)."""
    parts = [(steps > 0).sum(axis=0) for steps in recording.by_episode(layer)]
    active = np.sum(parts, axis=0)
    return np.stack([active, recording.lengths.sum() - active], axis=1)


def entropy(counts: NDArray[np.int64]) -> Floats:
    """Return the entropy of each row of counts in bits, (rows,)."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    logs = np.log2(shares, where=shares > 0, out=np.zeros_like(shares))
    found: Floats = np.abs((shares * logs).sum(axis=1))  # abs: no -0.0.
    return found


def _summary(values: Floats) -> dict[str, Any]:
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "units": values.tolist(),
    }
