"""Comparison: the results of one analysis for several agents in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sb3_prune.analysis.base import Analysis, Result
from sb3_prune.analysis.figures import heading
from sb3_prune.exceptions import ConfigError, PluginError, shown
from sb3_prune.recording.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

WIDE = 2.0
"""Figures with a larger ratio of width to height are put below each other."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Result):
    """The results of one analysis for several agents."""

    results: Mapping[str, Result]
    """Name of the agent -> result for this agent."""

    def __post_init__(self) -> None:
        if not self.results:
            raise ConfigError("There is nothing to compare: give at least one result.")

    @property
    def title(self) -> str:  # type: ignore[override]
        """Title of the figure."""
        return next(iter(self.results.values())).title

    def to_dict(self) -> Mapping[str, Any]:
        """Return the numbers of every agent, by the agent's name."""
        return {name: result.to_dict() for name, result in self.results.items()}

    @property
    def figsize(self) -> tuple[float, float]:  # type: ignore[override]
        """Width and height of the whole figure in inches."""
        width, height = next(iter(self.results.values())).figsize
        rows, columns = self._shape()
        # Side by side, each part may be a little narrower than a separate figure.
        return width * columns * (1.0 if columns == 1 else 0.8), height * rows

    def _shape(self) -> tuple[int, int]:
        width, height = next(iter(self.results.values())).figsize
        count = len(self.results)
        return (count, 1) if width > WIDE * height else (1, count)

    def draw(self, figure: FigureBase) -> None:
        """Draw each result into its part of the figure, with the same axis limits."""
        parts = figure.subfigures(*self._shape(), squeeze=False, wspace=0.05).ravel()
        for part, (name, result) in zip(parts, self.results.items(), strict=True):
            heading(part, name, 10)
            result.draw(part)
        _share_scales([part.get_axes() for part in parts])


def _share_scales(found: list[list[Axes]]) -> None:
    """Give corresponding axes of all parts the same limits, wide enough for all."""
    if len({len(axes) for axes in found}) > 1:
        return  # Agents with different numbers of layers have no corresponding axes.
    for same in zip(*found, strict=True):
        for axis in ("x", "y"):
            limits = [getattr(axes, f"get_{axis}lim")() for axes in same]
            low, high = min(a for a, _ in limits), max(b for _, b in limits)
            for axes in same:
                getattr(axes, f"set_{axis}lim")(low, high)


def compare(recordings: Mapping[str, Recording], analysis: Analysis) -> Comparison:
    """Run one analysis on several agents, e.g. a trained, a pruned and a random one.

    Args:
        recordings: Name of the agent -> recording of the agent.
        analysis: The analysis to run.

    Raises:
        ConfigError: There are no recordings.
        PluginError: The analysis returns something else than a result.
    """
    results = {name: _result(analysis, each) for name, each in recordings.items()}
    return Comparison(results=results)


def _result(analysis: Analysis, recording: Recording) -> Result:
    found = analysis.analyze(recording.read_only())
    if not isinstance(found, Result):
        raise PluginError(
            f"The analysis '{analysis.name}' returns {shown(found)}, expected a Result."
        )
    return found
