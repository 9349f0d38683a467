"""The figure: returns over training of the agents of each task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from benchmarks.transplants import gains
from benchmarks.transplants.gains import Curve, Run
from benchmarks.transplants.page import Runs
from sb3_prune.analysis.figures import heading, new_figure, tidy
from sb3_prune.files import atomic

COLOURS = {
    "old": "#8fa1ae",
    "transplanted": "#e4572e",
    "from scratch": "#22303c",
    "from scratch, old steps counted": "#2e86c1",
}
"""Colours of the curves, by what they show."""
COLUMNS = 3
HALF = (0.25, 0.75)
"""Quantiles of the seeds between which it is shaded."""
TITLE = "Greedy return: mean, and shaded the middle half of the seeds"


def draw(found: Runs, path: Path) -> None:
    """Draw a panel for each task that has results; transplants begin at step 0.

    Args:
        found: The results.
        path: Image to write.
    """
    named = {name: runs for name, runs in found.items() if runs}
    rows = -(-len(named) // COLUMNS)
    figure = new_figure((4 * COLUMNS, 2.9 * rows + 0.7))
    heading(figure, TITLE)
    places = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for place, (name, runs) in zip(places, named.items(), strict=False):
        _panel(place, f"{name} (seeds: {len(runs)})", runs)
    for place in places[len(named) :]:
        place.set_axis_off()
    named_lines = {
        line.get_label(): line for place in places for line in place.get_lines()
    }
    lines = [named_lines[name] for name in COLOURS if name in named_lines]
    figure.legend(handles=lines, loc="outside lower left", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as target:
        figure.savefig(target, dpi=100, format="png")


def _panel(place: Axes, title: str, runs: Sequence[Run]) -> None:
    tidy(place)
    place.set_title(title, loc="left", fontsize=8)
    place.set_xlabel("steps since the transplant", fontsize=8)
    place.locator_params(axis="x", nbins=6)
    place.xaxis.set_major_formatter("{x:,.0f}")
    place.axvline(0, color="#b8c4ce", linewidth=0.8)
    before = runs[0]["old"][-1][0]
    drawn = {
        "old": ([run["old"] for run in runs], -before),
        "transplanted": ([run["transplanted"] for run in runs], 0),
        "from scratch": ([gains.head(run) for run in runs], 0),
    }
    if all(gains.later(run) is not None for run in runs):
        whole = [run["from scratch"] for run in runs]
        drawn["from scratch, old steps counted"] = (whole, -before)
    for label, (curves, shift) in drawn.items():
        _curve(place, label, curves, shift)


def _curve(place: Axes, label: str, curves: Sequence[Curve], shift: float) -> None:
    steps = [step + shift for step, _ in curves[0]]
    values = np.array([[value for _, value in curve] for curve in curves])
    style = "--" if label.endswith("counted") else "-"
    place.plot(
        steps, values.mean(0), style, color=COLOURS[label], label=label, linewidth=1.2
    )
    low, high = np.quantile(values, HALF, axis=0)
    place.fill_between(steps, low, high, color=COLOURS[label], alpha=0.12, linewidth=0)
