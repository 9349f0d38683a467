"""Groups: what several kinds of agents return, over training and against their size.

Matplotlib is imported when something is drawn, because it takes half a second.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sb3_prune.plots.curves import FAINT, INK, canvas
from sb3_prune.plots.legends import add_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = "osD^vP*X<>"
"""Markers of the groups; ten groups and ten colours, then both repeat."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Values of one group: a line with a band, or a point with an interval."""

    x: Sequence[float]
    """Environment steps, or sizes."""
    middle: Sequence[float]
    """The value at each x."""
    low: Sequence[float] = ()
    """Lower end of each interval; empty if it is not known."""
    high: Sequence[float] = ()
    """Upper end of each interval."""
    each: Sequence[tuple[float, float]] = field(default_factory=tuple)
    """Single runs, as x and value."""


def spread_figure(groups: Mapping[str, Spread], *, ylabel: str) -> Figure:
    """Draw a line for each group over training, with a band where it is known."""
    figure, axes = canvas("Return over training", ylabel)
    for index, (label, group) in enumerate(groups.items()):
        color, marker = _look(index)
        single = len(group.x) == 1  # A line of one point shows nothing.
        axes.plot(
            group.x,
            group.middle,
            color=color,
            linewidth=1.8,
            marker=marker if single else None,
            label=label,
        )
        if group.low and single:
            axes.vlines(group.x, group.low, group.high, color=color, linewidth=1.8)
        elif group.low:
            axes.fill_between(
                group.x, group.low, group.high, color=color, alpha=0.18, linewidth=0
            )
    add_legend(figure, axes)
    return figure


def front_figure(
    groups: Mapping[str, Spread], front: Collection[str], *, xlabel: str, ylabel: str
) -> Figure:
    """Draw a point for each group against its size, and mark the Pareto front.

    Args:
        groups: Label -> size and value of a group.
        front: Labels of the groups that no other one beats in size and value at once.
        xlabel: What the sizes are.
        ylabel: What the values are.
    """
    figure, axes = canvas("Return against size", ylabel)
    axes.set_xscale("log")
    axes.set_xlabel(xlabel)
    best = sorted((groups[label].x[0], groups[label].middle[0]) for label in front)
    axes.step(
        *zip(*best, strict=True),
        where="post",
        color=INK,
        linewidth=1,
        linestyle="--",
        label="Pareto front",
        zorder=1,
    )
    for index, (label, group) in enumerate(groups.items()):
        color, marker = _look(index)
        for x, value in group.each:
            axes.plot(x, value, marker=".", markersize=4, color=color, alpha=0.5)
        if group.low:  # Of groups of equal size, the first ones show behind.
            width = 5 - 3.5 * index / len(groups)
            axes.vlines(
                group.x, group.low, group.high, color=color, alpha=0.6, linewidth=width
            )
        axes.plot(
            group.x,
            group.middle,
            marker=marker,
            markersize=8,
            linestyle="none",
            color=color,
            markerfacecolor=color if label in front else "white",
            label=label,
        )
    axes.grid(axis="x", color=FAINT, alpha=0.4, linewidth=0.8)
    add_legend(figure, axes)
    return figure


def _look(index: int) -> tuple[tuple[float, ...], str]:
    """Return the colour and the marker of a group."""
    from matplotlib import colormaps  # noqa: PLC0415

    return colormaps["tab10"](index % 10), MARKERS[index % len(MARKERS)]
