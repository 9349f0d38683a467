"""Layer values: the result of an analysis with a few numbers per layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sb3_prune.analysis.base import Result
from sb3_prune.analysis.figures import label_layers, tidy
from sb3_prune.plots.curves import ACCENT, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

COLOURS = (INK, ACCENT, FAINT, "#3d7ea6", "#e9b44c")


@dataclass(frozen=True, kw_only=True)
class LayerValues(Result):
    """A few numbers per layer, drawn as groups of bars."""

    title: str
    """Title of the figure."""
    ylabel: str
    """Label of the y axis: what the numbers are."""
    values: Mapping[str, Mapping[str, float]]
    """Layer name -> name of the series -> number."""
    percent: bool = False
    """Whether the numbers are shares in [0, 1] that are drawn as per cent."""

    figsize = (5.0, 3.2)

    @property
    def series(self) -> list[str]:
        """Names of the series, one bar each in every group."""
        return list(next(iter(self.values.values()), {}))

    def to_dict(self) -> Mapping[str, Any]:
        """Return the numbers: layer name -> name of the series -> number."""
        return {
            layer: {name: float(value) for name, value in found.items()}
            for layer, found in self.values.items()
        }

    def draw(self, figure: FigureBase) -> None:
        """Draw a group of bars for each layer."""
        # Matplotlib is imported when something is drawn: see plots/curves.py.
        from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

        axes = figure.subplots()
        width = 0.8 / max(1, len(self.series))
        for i, name in enumerate(self.series):
            shift = (i - (len(self.series) - 1) / 2) * width
            places = [k + shift for k in range(len(self.values))]
            heights = [found[name] for found in self.values.values()]
            colour = COLOURS[i % len(COLOURS)]
            axes.bar(places, heights, 0.9 * width, label=name, color=colour)
        axes.set_ylabel(self.ylabel, fontsize=9)
        if self.percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        if not any(any(found.values()) for found in self.values.values()):
            # Otherwise the axis would show tiny numbers on both sides of zero.
            axes.set_ylim(0, 1)
            place_of: dict[str, Any] = {"xycoords": "axes fraction", "ha": "center"}
            axes.annotate("0 in every layer", (0.5, 0.5), color=INK, **place_of)
        tidy(axes)
        label_layers(axes, self.values)
        if self.series:  # Above the axes the legend hides no bar.
            place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
            axes.legend(frameon=False, fontsize=8, ncols=3, borderaxespad=0.2, **place)
