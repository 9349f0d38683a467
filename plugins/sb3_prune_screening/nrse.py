"""NRSE: the mean of the largest entropies of single units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sb3_prune.exceptions import ConfigError, require_finite
from sb3_prune.screening import Screener, ScreenerConfig, Window
from sb3_prune_screening.histograms import HistogramConfig, entropies


@dataclass(frozen=True, kw_only=True)
class NRSEConfig(ScreenerConfig):
    """The window, the histograms of single units, and how many of them count."""

    top: float = 0.3
    """Share of the units that count, those with the largest entropies, in (0, 1]. The
    source says "top 70th percentile": 0.3 are those from the 70th percentile up. For
    the other reading, the top 70 %, set 0.7."""
    bins: int = 7
    """Bins of each unit's histogram, over the range of its activations."""
    base: float = math.e
    """Base of the logarithm: e for nats, 2 for bits."""
    networks: tuple[str, ...] = ()
    """Paths of networks; those that choose actions if there are none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finite("top", self.top)
        if not 0 < self.top <= 1:
            raise ConfigError(f"top must be more than 0 and at most 1, got {self.top}.")
        self.histogram()

    def histogram(self) -> HistogramConfig:
        """Return the options of the histograms."""
        return HistogramConfig(bins=self.bins, base=self.base, pooling="unit")


class NRSE(Screener):
    """Mean of the largest entropies of single units (ranked summary entropy)."""

    name = "nrse"
    reference = (
        'Mitra & Franco 2017, "Leveraging deep neural network activation entropy to '
        'cope with unseen data in speech recognition"'
    )
    Config = NRSEConfig
    config: NRSEConfig

    def measure(self, window: Window) -> float:
        """Return the mean entropy of the units that count."""
        histogram = self.config.histogram()
        layers = window.activations(self.config.networks)
        found = np.concatenate(
            [entropies(t.cpu().numpy(), histogram, n) for n, t in layers.items()]
        )
        count = max(1, round(self.config.top * len(found)))
        return float(np.sort(found)[-count:].mean())
