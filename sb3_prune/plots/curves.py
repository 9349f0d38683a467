"""Curves: performance, and the units of every hidden layer, over training.

Matplotlib is imported when something is drawn, because it takes half a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sb3_prune.files import atomic
from sb3_prune.plots.labels import layer_labels
from sb3_prune.plots.legends import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, ACCENT, FAINT = "#22303c", "#e4572e", "#b8c4ce"
LABELS = 0.12
"""Share of the range of values that is left for labels below them."""


def canvas(title: str, ylabel: str) -> tuple[Figure, Axes]:
    """Return a figure in our style, whose x axis is that of environment steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import EngFormatter  # noqa: PLC0415

    # Without pyplot, a figure needs no display and has no global state.
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.set_xlabel("environment steps")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=FAINT, alpha=0.4, linewidth=0.8)
    return figure, axes


def _save(figure: Figure, path: str | Path) -> None:
    with atomic(path) as temporary:
        figure.savefig(temporary)


def plot_learning(
    path: str | Path,
    steps: Sequence[float],
    values: Sequence[float],
    *,
    ylabel: str,
    target: float | None = None,
    marks: Mapping[str, float] | None = None,
    units: Sequence[tuple[float, int]] = (),
) -> None:
    """Write a PNG of performance over training.

    Args:
        path: File to write.
        steps: Number of environment steps at each measurement.
        values: Success rates or returns at these steps.
        ylabel: Label of the y axis: what the values are, with their unit.
        target: Value that the agent should reach, drawn as a horizontal line.
        marks: Label of an event -> its environment step, drawn as a vertical line.
        units: Environment step and hidden units from it on, drawn below, on the same
            axis of steps.
    """
    figure, axes = canvas("Performance while units disappear", ylabel)
    if units:
        _units_below(figure, axes, units)
    axes.plot(steps, values, color=INK, linewidth=1.8, marker="o", markersize=3)
    if target is not None:
        axes.axhline(target, color=ACCENT, linewidth=1, linestyle="--")
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "ha": "right"}
        place |= {"xytext": (0, 3), "textcoords": "offset points"}
        text = f"to pass: {target:g}"
        axes.annotate(text, (1, target), color=ACCENT, fontsize=8, **place)
    mark(axes, marks or {})
    _save(figure, path)


def mark(axes: Axes, marks: Mapping[str, float]) -> None:
    """Draw events as vertical lines, with their labels below all values.

    Args:
        axes: Axes that the values were drawn on.
        marks: Label of an event -> its environment step.
    """
    if marks:
        axes.margins(y=LABELS)
    for label, step in marks.items():
        axes.axvline(step, color=FAINT, linewidth=1.2)
        axes.annotate(
            f" {label}",
            (step, 0.02),
            xycoords=("data", "axes fraction"),
            color=INK,
            fontsize=8,
        )


def _units_below(
    figure: Figure, axes: Axes, units: Sequence[tuple[float, int]]
) -> None:
    """Add a panel of all hidden units below the axes, and share the axis of steps."""
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    axes.set_subplotspec(grid[0])
    below = figure.add_subplot(grid[1], sharex=axes)
    below.step(*zip(*units, strict=True), where="post", color=INK, linewidth=1.6)
    for step, count in units[:-1]:
        below.annotate(f" {count:,}", (step, count), color=INK, fontsize=8, va="bottom")
    below.set_yscale("log")
    counts = [count for _, count in units]
    below.set_ylim(0.5 * min(counts), 4 * max(counts))
    below.set_ylabel("hidden units")
    below.set_xlabel(axes.get_xlabel())
    axes.set_xlabel("")
    axes.tick_params(labelbottom=False)
    below.spines[["top", "right"]].set_visible(False)


def plot_widths(path: str | Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write a PNG of the units left in every hidden layer over training.

    Args:
        path: File to write.
        history: :attr:`PruningCallback.history`, with steps counted from the start of
            the run.
    """
    from matplotlib import colormaps  # noqa: PLC0415

    figure, axes = canvas("Units left in every hidden layer", "units")
    steps = [entry["timesteps"] for entry in history]
    # Layers with equal curves share one, because only the last one drawn would show.
    curves: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name, label in layer_labels(history[0]["units"]).items():
        curves[tuple(entry["units"][name] for entry in history)].append(label)
    for i, (units, names) in enumerate(curves.items()):
        shade = colormaps["viridis"](i / max(1, len(curves) - 1) * 0.9)
        label = "\n".join(names)
        axes.step(steps, units, where="post", color=shade, linewidth=1.6, label=label)
    axes.set_ylim(bottom=0)
    add_legend(figure, axes)
    _save(figure, path)
