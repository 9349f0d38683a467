"""Redundancy: how many units of a layer can express all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from sb3_prune.analysis import Analysis, Result, layer_labels
from sb3_prune.analysis.figures import label_layers, shades, tidy
from sb3_prune.compensation import Ranking, rank
from sb3_prune.exceptions import ConfigError
from sb3_prune.plots.curves import FAINT, INK
from sb3_prune.recording import Recording

Floats = NDArray[np.float64]

STEPS = 20_000
"""Largest number of steps that are used; of more, so many are drawn."""
CONSTANT = 1e-6
"""A unit is constant if its activations differ by less than this share of the largest:
they are recorded in float32."""


@dataclass(frozen=True, kw_only=True)
class RedundancyConfig:
    """The errors for which units are counted."""

    errors: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1)
    """Relative errors; the number of units needed is reported for each of them."""

    def __post_init__(self) -> None:
        if not self.errors or not all(0 < error < 1 for error in self.errors):
            raise ConfigError(f"errors must be in (0, 1), got {self.errors}.")


@dataclass(frozen=True, kw_only=True)
class RedundancyResult(Result):
    """The ranking of each layer's units."""

    rankings: Mapping[str, Ranking]
    """Layer name -> its units in the order in which they are worth keeping, and the
    error that is left."""
    errors: tuple[float, ...]
    """Relative errors for which units are counted, ascending."""
    steps: int
    """Number of steps that were used."""
    title: str = "Units that can express all units of their layer"
    figsize = (9.0, 3.6)

    def needed(self) -> dict[str, dict[str, int]]:
        """Return the numbers of units needed, and of all units, by layer."""
        return {
            name: {f"error ≤ {100 * e:g}%": found.needed(e) for e in self.errors}
            | {"units": len(found.order)}
            for name, found in self.rankings.items()
        }

    def to_dict(self) -> Mapping[str, Any]:
        """Return the units needed by layer; then order of the units and errors left."""
        return {
            "steps": self.steps,
            "units needed": self.needed(),
            "order": {k: found.order.tolist() for k, found in self.rankings.items()},
            "left": {k: found.errors.tolist() for k, found in self.rankings.items()},
        }

    def draw(self, figure: FigureBase) -> None:
        """Draw the error left over the units kept, and the units needed by layer."""
        left, right = figure.subplots(1, 2)
        _curves(left, self.rankings, self.errors)
        _bars(right, self.needed())


class Redundancy(Analysis):
    r"""Numbers of units by which all units of a layer can be expressed.

    .. math:: \epsilon_k = \min_{C, c} \sqrt{\sum_n \lVert h_n - C h'_n - c \rVert^2
        \Big/ \sum_n \lVert h_n - \bar h \rVert^2}

    h are the activations of all units of a layer, h' those of the k units that are
    kept. The units are kept in the order of a QR decomposition with pivoting of the
    centred activations, so fewer units might do. The error is that of the activations,
    not of what the next layer reads, and units count by their variance. Constant units
    cost nothing, because biases express them; a layer of them needs no unit.

    The regression is on the recorded steps, and nothing is held out: record several
    steps per unit.
    """

    name = "redundancy"
    reference = (
        'Chee, Renz, Damle, De Sa 2022, "Model preserving compression for neural '
        'networks" (interpolative decomposition); Businger & Golub 1965, "Linear least '
        'squares solutions by Householder transformations" (pivoting)'
    )
    Config = RedundancyConfig
    config: RedundancyConfig

    def analyze(self, recording: Recording) -> RedundancyResult:
        """Return the ranking of the units of every layer."""
        steps = chosen_steps(recording)
        found = {}
        for name, units in recording.units().items():
            hidden = varying(recording.layer(name).reshape(-1, units)[steps])
            everything = torch.eye(units, dtype=torch.float64)
            found[name] = rank(torch.from_numpy(hidden), everything)
        errors = tuple(sorted(self.config.errors))
        return RedundancyResult(rankings=found, errors=errors, steps=len(steps))


def chosen_steps(recording: Recording) -> NDArray[np.int64]:
    """Return which steps are used, as indices into all episodes joined, ascending."""
    steps = np.flatnonzero(recording.valid())
    if len(steps) <= STEPS:
        return steps
    return np.sort(np.random.default_rng(0).choice(steps, STEPS, replace=False))


def varying(hidden: NDArray[Any]) -> Floats:
    """Return activations, (steps, units), with zeros for units that are constant."""
    found = hidden.astype(np.float64)
    found[:, np.ptp(found, axis=0) <= CONSTANT * np.abs(found).max(axis=0)] = 0
    return found


def _curves(
    axes: Axes, rankings: Mapping[str, Ranking], errors: tuple[float, ...]
) -> None:
    labels = layer_labels(rankings)
    for (name, found), colour in zip(
        rankings.items(), shades(len(rankings)), strict=True
    ):
        axes.plot(found.errors.clamp(min=1e-12), color=colour, label=labels[name])
    axes.set_yscale("log")
    axes.set_ylim(errors[0] / 2, 1.05)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_yticks([*errors, 1])
    axes.minorticks_off()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("units kept", color=INK, fontsize=9)
    axes.set_ylabel("relative error", color=INK, fontsize=9)
    axes.legend(frameon=False, fontsize=8, ncols=1 + len(rankings) // 8)
    tidy(axes)


def _bars(axes: Axes, needed: Mapping[str, Mapping[str, int]]) -> None:
    """Draw bars inside each other: all units, and those needed for each error."""
    *limits, everything = next(iter(needed.values()), {"units": 0})
    for i, name in enumerate([everything, *limits]):
        heights = [found[name] for found in needed.values()]
        colour = colormaps["Blues"](0.25 + 0.7 * i / len(limits)) if i else FAINT
        label = name.removeprefix("error ") if i else "all"
        axes.bar(range(len(needed)), heights, 0.7, label=label, color=colour)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("units needed for a relative error", color=INK, fontsize=9)
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
    place |= {"columnspacing": 1.2, "handlelength": 1.2}
    axes.legend(frameon=False, fontsize=8, ncols=6, borderaxespad=0.2, **place)
    tidy(axes)
    label_layers(axes, needed)
