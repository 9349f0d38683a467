"""Distances: densities of the distances between units' activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from sb3_prune.analysis import Analysis, Result, layer_labels
from sb3_prune.analysis.figures import shades, tidy
from sb3_prune.exceptions import require_at_least
from sb3_prune.plots.curves import ACCENT, FAINT, INK
from sb3_prune.recording import Recording
from sb3_prune_clusters.distances import all_distances, upper

Floats = NDArray[np.float64]

ALL = "all to all"
PERCENTILES = (5, 25, 50, 75, 95)
FEW = 100
"""Number of pairs up to which each is drawn as a tick: a density of few says little."""
OVERLAP = 1.8
"""Height of the highest ridge; 1 is the vertical distance between two ridges."""


@dataclass(frozen=True, kw_only=True)
class DistancesConfig:
    """Which pairs of units count, and how finely their density is drawn."""

    include_silent: bool = False
    """Include silent units, as zero vectors; by default they are left out."""
    points: int = 200
    """Points of each density, from zero to just beyond the largest distance."""

    def __post_init__(self) -> None:
        require_at_least("points", self.points, 2)


@dataclass(frozen=True, kw_only=True)
class DistancesResult(Result):
    """The distances of all pairs of units."""

    pairs: Mapping[str, Floats]
    """"all to all" or a layer's name -> distance of each pair i < j, (pairs,)."""
    points: int
    """Points of each density."""
    title: str = "Distances between the activations of two units"
    figsize = (8.5, 3.4)

    def grid(self) -> Floats:
        """Return the distances at which densities are evaluated, (points,).

        They end a little beyond the largest distance.
        """
        found = (float(d.max()) for d in self.pairs.values() if len(d))
        step = 1.1 * (max(found, default=0.0) or 1.0) / self.points
        return (np.arange(self.points, dtype=np.float64) + 0.5) * step

    def to_dict(self) -> Mapping[str, Any]:
        """Return number, mean, std, percentiles and density of each set of pairs."""
        grid = self.grid()
        return {
            "distance": grid.tolist(),
            "sets": {
                name: _summary(found) | {"density": density(found, grid).tolist()}
                for name, found in self.pairs.items()
            },
        }

    def draw(self, figure: FigureBase) -> None:
        """Draw the density of all pairs, and one ridge for each layer."""
        left, right = figure.subplots(1, 2)
        layers = {name: d for name, d in self.pairs.items() if name != ALL}
        _hill(left, self.pairs[ALL], self.grid())
        _ridges(right, layers, self.grid())
        for axes in (left, right):
            axes.set_xlim(0, self.grid()[-1])
            axes.set_xlabel("distance", color=INK, fontsize=9)


class Distances(Analysis):
    r"""Distances between units, over all pairs and within each layer.

    .. math:: d(i, j) = \frac{1}{|E|} \sum_{e \in E} \left\|
        \frac{z_i^{(e)}}{Z_i} - \frac{z_j^{(e)}}{Z_j} \right\|_2

    z are the activations of a unit over episode e, Z its largest magnitude over all
    episodes E. Division by Z makes the distance independent of the units' scales.
    Every pair counts once, i < j.
    """

    name = "distances"
    reference = "Feldotto et al. 2022, equation (2)"
    Config = DistancesConfig
    config: DistancesConfig

    def analyze(self, recording: Recording) -> DistancesResult:
        """Return the distances of all pairs of units."""
        counted = {
            name: self.config.include_silent | ~recording.silent(name)
            for name in recording.activations
        }
        everyone = np.concatenate(list(counted.values()))
        found = all_distances(recording.activations)
        pairs = {ALL: upper(found[np.ix_(everyone, everyone)])}
        start = 0
        for name, kept in counted.items():
            inside = start + np.flatnonzero(kept)
            pairs[name] = upper(found[np.ix_(inside, inside)])
            start += len(kept)
        return DistancesResult(pairs=pairs, points=self.config.points)


def density(distances: Floats, grid: Floats) -> Floats:
    """Return a Gaussian kernel density at evenly spaced points, (points,).

    The bandwidth is Scott's, std times n^(-1/5), but at least one step of the grid.
    Mass beyond the ends of the grid is reflected, so that the density integrates to
    one.

    Args:
        distances: Distances, (pairs,). The density is zero if there are none.
        grid: Centres of bins of equal width, the first bin starting at zero, (points,).
    """
    if not len(distances):
        return np.zeros_like(grid)
    step = 2 * grid[0]
    counts, _ = np.histogram(distances, len(grid), (0, step * len(grid)))
    width = max(1.0, distances.std() * len(distances) ** -0.2 / step)
    smooth: Floats = gaussian_filter1d(counts.astype(float), width, mode="reflect")
    smooth /= smooth.sum() * step
    return smooth


def _summary(distances: Floats) -> dict[str, Any]:
    if not len(distances):
        return {"pairs": 0, "mean": None, "std": None, "percentiles": {}}
    levels = np.percentile(distances, PERCENTILES)
    return {
        "pairs": len(distances),
        "mean": float(distances.mean()),
        "std": float(distances.std()),
        "percentiles": dict(zip(map(str, PERCENTILES), levels.tolist(), strict=True)),
    }


def _hill(axes: Axes, distances: Floats, grid: Floats) -> None:
    height = density(distances, grid)
    axes.fill_between(grid, height, color=FAINT, alpha=0.6, linewidth=0)
    axes.plot(grid, height, color=INK, linewidth=1.6)
    if len(distances):
        mean, std = distances.mean(), distances.std()
        axes.axvline(mean, color=ACCENT, linewidth=1.4)
        axes.annotate(
            f" mean {mean:.2f}\n std {std:.2f}",
            (mean, 1),
            xycoords=("data", "axes fraction"),
            va="top",
            color=ACCENT,
            fontsize=8,
        )
    axes.set_ylim(0, 1.2 * (height.max() or 1))
    _ticks(axes, distances, 0.0, 99)
    axes.set_ylabel("density, all pairs", color=INK, fontsize=9)
    tidy(axes)


def _ticks(axes: Axes, distances: Floats, base: float, order: int) -> None:
    """Draw each distance as a tick on the base line, if there are few."""
    if len(distances) <= FEW:
        places = np.full(len(distances), base)
        axes.plot(distances, places, "|", color=INK, markersize=6, zorder=order)


def _ridges(axes: Axes, layers: Mapping[str, Floats], grid: Floats) -> None:
    """Draw one ridge per layer, the first at the top, all with equal areas."""
    heights = [density(found, grid) for found in layers.values()]
    # If all layers are silent, every height is zero; 1.0 avoids a division by zero.
    unit = OVERLAP / (max((h.max() for h in heights), default=0.0) or 1.0)
    rows = range(len(layers))
    for row, height, colour in zip(rows, heights, shades(len(layers)), strict=True):
        base = len(layers) - 1 - row
        top = base + unit * height
        axes.fill_between(grid, base, top, color=colour, alpha=0.75, zorder=2 * row + 2)
        axes.axhline(base, color=colour, linewidth=0.8, zorder=2 * row + 2)
        edge = np.where(height > 0.01 * height.max(), top, np.nan)
        axes.plot(grid, edge, color="white", linewidth=1, zorder=2 * row + 3)
    for base, found in enumerate(reversed(list(layers.values()))):
        _ticks(axes, found, base, 98)
        if len(found):
            mark = [found.mean()]
            axes.plot(mark, [base], "^", color=ACCENT, markersize=5, zorder=99)
    labels = list(layer_labels(layers).values())
    axes.set_yticks(range(len(labels)), reversed(labels))
    axes.set_ylim(-0.15, len(labels) - 1 + 1.05 * OVERLAP)
    tidy(axes, grid="x")
    axes.spines["left"].set_visible(False)
