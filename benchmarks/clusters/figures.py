"""Figures of the reproduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sb3_prune.analysis.figures import heading, new_figure, shades, tidy
from sb3_prune.files import atomic
from sb3_prune.plots.curves import ACCENT, INK

Rounds = Sequence[Mapping[str, Any]]


def total(done: Mapping[str, Any]) -> int:
    """Return the number of hidden units after a round."""
    return sum(done["units"].values())


def mean_size(runs: Sequence[Rounds], after: int) -> float:
    """Return the mean number of hidden units of several agents after a round."""
    return float(np.mean([total(rounds[after]) for rounds in runs]))


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file; a failure leaves no partial file."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=80)


def by_threshold(
    found: Mapping[float, Sequence[Rounds]], width: int, path: Path
) -> None:
    """Draw size, success and retraining effort after one merge over tau."""
    figure = new_figure((10, 3.2))
    title = f"One merge of {width} x 6, by threshold (dots: agents, line: mean)"
    heading(figure, title)
    taus = list(found)
    series = {
        "hidden units left": [[total(r[1]) for r in runs] for runs in found.values()],
        "success right after": [
            [r[1]["merged_success"] for r in runs] for runs in found.values()
        ],
        "gradient steps (x: given up)": [
            [r[1]["gradient_steps"] for r in runs if r[1]["passed"]]
            for runs in found.values()
        ],
    }
    panels = figure.subplots(1, 3)
    for axes, (label, values) in zip(panels, series.items(), strict=True):
        tidy(axes)
        for tau, dots in zip(taus, values, strict=True):
            axes.plot([tau] * len(dots), dots, ".", color=ACCENT, alpha=0.4)
        axes.plot(taus, [np.mean(v) if v else np.nan for v in values], color=INK)
        axes.set_xlabel("tau")
        axes.set_ylabel(label)
    _given_up(panels[-1], found)
    for axes in panels:
        axes.set_ylim(bottom=0)
    save(figure, path)


def _given_up(axes: Axes, found: Mapping[float, Sequence[Rounds]]) -> None:
    """Mark the agents that did not pass again; they are in no mean."""
    for tau, runs in found.items():
        lost = [r[1]["gradient_steps"] for r in runs if not r[1]["passed"]]
        axes.plot([tau] * len(lost), lost, "x", color=ACCENT)


def by_width(found: Mapping[str, Sequence[Rounds]], path: Path) -> None:
    """Draw the units left after each round, in one panel per initial width."""
    widths = sorted({int(label.partition(":")[0]) for label in found})
    figure = new_figure((2.6 * len(widths), 3.4))
    title = (
        "Hidden units over rounds of merging and retraining (faint: single agents; "
        "strong: mean of those that got so far)"
    )
    heading(figure, title)
    names = sorted({label.partition(": ")[2] for label in found})
    colours = dict(zip(names, shades(len(names)), strict=True))
    panels = figure.subplots(1, len(widths), sharey=True, squeeze=False)[0]
    for axes, width in zip(panels, widths, strict=True):
        tidy(axes)
        axes.set_title(f"{width} x 6", loc="left", fontsize=9, color=INK)
        for label, runs in found.items():
            if int(label.partition(":")[0]) == width:
                name = label.partition(": ")[2]
                _over_rounds(axes, runs, colours[name])
        axes.set_yscale("log")
        axes.set_yticks(UNITS, map(str, UNITS))
        axes.minorticks_off()
        axes.set_xticks(range(4))
        axes.set_xlabel("round")
    panels[0].set_ylabel("hidden units")
    lines = [Line2D([], [], color=colour, marker="o") for colour in colours.values()]
    place: dict[str, Any] = {"loc": "outside lower center", "frameon": False}
    figure.legend(lines, list(colours), ncols=len(lines), fontsize=8, **place)
    save(figure, path)


UNITS = (50, 100, 200, 500, 1000, 2000)
"""Ticks of the axis of hidden units."""


def _over_rounds(axes: Axes, runs: Sequence[Rounds], colour: Any) -> None:
    for rounds in runs:
        axes.plot([total(done) for done in rounds], color=colour, alpha=0.25)
    longest = max(map(len, runs))
    mean = [np.mean([total(r[k]) for r in runs if len(r) > k]) for k in range(longest)]
    axes.plot(mean, color=colour, marker="o", markersize=3)


def layer_matrices(found: Mapping[str, np.ndarray], path: Path) -> None:
    """Draw the share of target layers that source layers predict, per pair of arms."""
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    figure = new_figure((2.0 + 2.4 * columns, 0.4 + 2.8 * rows))
    heading(figure, "Which source layers predict target layers", size=11)
    every = figure.subplots(rows, columns, squeeze=False)
    for axes in every.flat[len(found) :]:
        axes.set_visible(False)
    for axes, (label, matrix) in zip(every.flat, found.items(), strict=False):
        image = axes.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
        axes.set_title(label, fontsize=9, color=INK)
        ticks = range(len(matrix))
        axes.set_xticks(ticks, [str(k + 1) for k in ticks])
        axes.set_yticks(ticks, [str(k + 1) for k in ticks])
        axes.set(xlabel="target layer", ylabel="source layer")
        for (i, j), share in np.ndenumerate(matrix):
            ink = "white" if share < DARK else "black"
            text = f"{share:.2f}"
            axes.text(j, i, text, ha="center", va="center", fontsize=6, color=ink)
    figure.colorbar(image, ax=every, label="share", pad=0.02)
    save(figure, path)


DARK = 0.55
"""Share up to which a number in a cell is white."""
