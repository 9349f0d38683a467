"""The picture of all agents: what is left of their return, method by method."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.agents.cutting import METHODS, SHARES
from benchmarks.agents.sheets import gone, normalised

COLUMNS = 4
"""Largest number of panels in a row."""
PLAIN, BOLD = "#9aa5b1", "#0b6e99"
Point = tuple[float, float]
BOTTOM, TOP = -0.3, 1.25
"""Values beyond are drawn at the edge."""


def draw(sheets: list[dict[str, Any]], path: Path) -> None:
    """Draw one panel per method: thin lines are agents, the thick one the median."""
    tried = [sheet for sheet in sheets if "dense" in sheet]
    methods = [m for m in METHODS if any(_line(sheet, m) for sheet in tried)]
    columns = max(1, min(COLUMNS, len(methods)))
    rows = max(1, -(-len(methods) // columns))
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(2.9 * columns, 0.4 + 2.6 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel in axes.flat[len(methods) :]:
        panel.set_visible(False)
    for panel, method in zip(axes.flat, methods, strict=False):
        _panel(panel, tried, method)
    figure.supxlabel("share of the units gone, %")
    figure.supylabel("return: 1 dense, 0 random actions")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _panel(panel: Axes, sheets: list[dict[str, Any]], method: str) -> None:
    panel.set_title(method, fontsize=10)
    panel.set(ylim=(BOTTOM - 0.05, TOP + 0.05), xlim=(0, 93))
    panel.set_xticks([0, 30, 50, 70, 90])
    panel.spines[["top", "right"]].set_visible(False)
    for height in (0, 1):
        panel.axhline(height, color="#d5dae0", linewidth=0.8, zorder=0)
    panel.tick_params(labelbottom=True)
    for sheet in sheets:
        panel.plot(*_drawn(_line(sheet, method)), color=PLAIN, linewidth=0.8)
    middle = _drawn(_medians(sheets, method))
    panel.plot(*middle, color=BOLD, linewidth=2.5, marker="o", markersize=4)


def _line(sheet: dict[str, Any], method: str) -> list[Point]:
    """Return what is left of one agent's return, by the share that is really gone."""
    return [
        (gone(sheet, method, share), value)
        for share in SHARES
        if (value := normalised(sheet, method, share)) is not None
    ]


def _medians(sheets: list[dict[str, Any]], method: str) -> list[Point]:
    """Return the medians over the agents, by the share that was asked for.

    There is none as long as an agent is missing.
    """
    columns = {s: [normalised(sheet, method, s) for sheet in sheets] for s in SHARES}
    known = {s: [v for v in column if v is not None] for s, column in columns.items()}
    whole = {s: values for s, values in known.items() if len(values) == len(sheets)}
    return [(s, statistics.median(values)) for s, values in whole.items() if values]


def _drawn(line: list[Point]) -> tuple[list[float], list[float]]:
    """Return percentages and values within the panel; before pruning, that is 1."""
    points = [(0.0, 1.0), *line] if line else []
    return [100 * x for x, _ in points], [max(BOTTOM, min(TOP, y)) for _, y in points]
