"""Screening: the figures of Saad (2023), thresholds and entropies.

Matplotlib is imported when something is drawn, because it takes half a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sb3_prune.plots.curves import ACCENT, FAINT, INK, canvas
from sb3_prune.plots.groups import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = "#2f6f9f"


def threshold_figure(
    curves: Mapping[str, Spread], plain: Mapping[str, float], chosen: float
) -> Figure:
    """Draw the sample efficiency against the threshold.

    Args:
        curves: Label, such as ``train`` and ``test`` -> thresholds, efficiencies in
            successes per iteration, and their interval.
        plain: Label -> efficiency without screening, drawn as a dotted line.
        chosen: The chosen threshold, drawn as a vertical line.
    """
    figure, axes = _canvas(
        "Does a threshold help?", "threshold", "successes per 1,000 iterations"
    )
    for (label, curve), color in zip(curves.items(), _colors(curves), strict=True):
        rates = [1_000 * each for each in curve.middle]
        axes.plot(curve.x, rates, color=color, linewidth=1.8, label=label)
        if curve.low:
            low, high = ([1_000 * y for y in ends] for ends in (curve.low, curve.high))
            axes.fill_between(curve.x, low, high, color=color, alpha=0.15, linewidth=0)
        level = 1_000 * plain[label]
        text = f"{label}, without screening"
        axes.axhline(level, color=color, linewidth=1.2, linestyle=":", label=text)
    _mark(axes, chosen)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False)
    return figure


def entropy_figure(
    values: Sequence[float],
    iterations: Sequence[float],
    successes: Sequence[bool],
    threshold: float,
    *,
    xlabel: str = "entropy",
) -> Figure:
    """Draw the screener's value against the iterations, with successes marked.

    Args:
        values: What the screener measured of each run.
        iterations: Iterations that each run took.
        successes: Whether each run succeeded.
        threshold: The threshold, drawn as a vertical line.
        xlabel: What the values are.
    """
    figure, axes = _canvas("Runs that succeed, and others", xlabel, "iterations")
    rows = list(zip(values, iterations, successes, strict=True))
    looks: tuple[tuple[bool, str, dict[str, Any]], ...] = (
        (False, "no success", {"marker": "x", "color": ACCENT, "alpha": 0.6}),
        (True, "success", {"marker": "o", "color": BLUE, "alpha": 0.6}),
    )
    for kind, label, look in looks:
        chosen = [(x, y) for x, y, success in rows if bool(success) is kind]
        x, y = zip(*chosen, strict=True) if chosen else ((), ())
        axes.scatter(x, y, s=14, linewidths=0.8, label=f"{label} ({len(x)})", **look)
    _mark(axes, threshold)
    axes.set_ylim(bottom=0)
    above: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2}
    axes.legend(fontsize=8, frameon=False, **above)  # Runs may lie anywhere within.
    return figure


def _canvas(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    from matplotlib.ticker import ScalarFormatter  # noqa: PLC0415

    figure, axes = canvas(title, ylabel)
    axes.set_xlabel(xlabel)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.grid(axis="x", color=FAINT, alpha=0.4, linewidth=0.8)
    return figure, axes


def _colors(curves: Mapping[str, Spread]) -> list[str]:
    return [(BLUE, ACCENT, INK)[i % 3] for i in range(len(curves))]


def _mark(axes: Axes, threshold: float) -> None:
    """Draw a threshold."""
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--")
    axes.annotate(
        f" {threshold:g}",
        (threshold, 0.02),
        xycoords=("data", "axes fraction"),
        color=INK,
        fontsize=9,
    )
