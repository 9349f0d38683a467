"""The figure: returns over training of the three agents of each task."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.transplants.page import Runs
from sb3_prune.analysis.figures import heading, new_figure, tidy
from sb3_prune.files import atomic

COLOURS = {"old": "#b8c4ce", "transplanted": "#e4572e", "from scratch": "#22303c"}
COLUMNS = 3


def draw(found: Runs, path: Path) -> None:
    """Draw mean and range over the seeds.

    Args:
        found: The results.
        path: Image to write.
    """
    named = {name: runs for name, runs in found.items() if runs}
    rows = -(-len(named) // COLUMNS)
    figure = new_figure((4 * COLUMNS, 3.2 * rows))
    heading(figure, "Greedy return over training (shaded: all seeds)")
    places = figure.subplots(rows, COLUMNS, squeeze=False).flat
    for place, (name, runs) in zip(places, named.items(), strict=False):
        tidy(place)
        place.set_title(name, fontsize=9)
        place.set_xlabel("environment steps")
        for kind, colour in COLOURS.items():
            values = np.array([[mean for _, mean in run[kind]] for run in runs])
            steps = [step for step, _ in runs[0][kind]]
            place.plot(steps, values.mean(0), color=colour, label=kind, linewidth=1.2)
            low, high = values.min(0), values.max(0)
            place.fill_between(steps, low, high, color=colour, alpha=0.1, linewidth=0)
    for place in list(places):
        place.set_axis_off()
    figure.axes[0].legend(fontsize=8, frameon=False)
    with atomic(path) as target:
        figure.savefig(target, dpi=120, format="png")
