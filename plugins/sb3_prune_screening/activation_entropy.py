"""Activation entropy: the entropies of screening, by unit and layer, of a recording."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sb3_prune.analysis import Analysis, Result
from sb3_prune.analysis.figures import draw_units
from sb3_prune.exceptions import require_at_least, require_flag
from sb3_prune.recording import Recording
from sb3_prune_screening.histograms import (
    Floats,
    HistogramConfig,
    entropies,
    entropy_of,
    require_base,
)

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase


@dataclass(frozen=True, kw_only=True)
class ActivationEntropyConfig:
    """How activations become entropies: as for the screener ``entropy``."""

    bins: int = 7
    """Bins of equal width over the range of the data."""
    base: float = math.e
    """Base of the logarithm: e for nats, 2 for bits."""
    width_term: bool = False
    """Whether to add the logarithm of the bins' width; constant units have none."""

    def __post_init__(self) -> None:
        require_at_least("bins", self.bins, 2)
        require_base(self.base)
        require_flag("width_term", self.width_term)


@dataclass(frozen=True, kw_only=True)
class ActivationEntropyResult(Result):
    """The entropy of all units together, of each layer, and of each unit."""

    pooled: float
    """Entropy of one histogram of all units of the recording. The screener ``entropy``
    pools the networks that act alone, and every place of a channel."""
    layers: Mapping[str, float]
    """Layer name -> entropy of the histogram of all its units."""
    units: Mapping[str, Floats]
    """Layer name -> entropy of the histogram of each unit, (units,)."""
    title: str = "Entropy of activations"

    def to_dict(self) -> Mapping[str, Any]:
        """Return the entropies: pooled, by layer, and by unit."""
        units = {name: found.tolist() for name, found in self.units.items()}
        return {"pooled": self.pooled, "layers": dict(self.layers), "units": units}

    def draw(self, figure: FigureBase) -> None:
        """Draw a point for each unit, a line for the mean, a mark for each layer."""
        axes = figure.subplots()
        draw_units(axes, self.units)
        axes.plot(list(self.layers.values()), "kx", label="layer as a whole")
        axes.set_ylabel("entropy", fontsize=9)
        axes.legend(frameon=False, fontsize=8)


class ActivationEntropy(Analysis):
    """Entropy of activations by unit, by layer and pooled, with screening's histograms.

    The recording has the units of critics, too, and of each channel its mean; screening
    pools the networks that act, with every place. So its thresholds are not read off
    here. Histograms span the range of the data; those of the analysis ``entropy`` begin
    at 0.
    """

    name = "activation-entropy"
    reference = (
        'Saad 2023, "Using pre-training to speed up deep reinforcement learning", '
        "equations 8 and 9"
    )
    Config = ActivationEntropyConfig
    config: ActivationEntropyConfig

    def analyze(self, recording: Recording) -> ActivationEntropyResult:
        """Return the entropies of a recording.

        Raises:
            NonFiniteError: An activation is NaN or infinite, or ``width_term`` is set
                and a unit is constant.
        """
        asked = self.config
        config = HistogramConfig(
            bins=asked.bins, base=asked.base, width_term=asked.width_term
        )
        steps = {name: recording.steps(name) for name in recording.activations}
        whole = replace(config, pooling="layer")
        return ActivationEntropyResult(
            pooled=entropy_of(steps, config),
            layers={n: entropy_of({n: a}, whole) for n, a in steps.items()},
            units={n: entropies(a, config, n) for n, a in steps.items()},
        )
