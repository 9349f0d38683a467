"""Legends: names beside what was drawn, and never across it.

Matplotlib is imported by who draws, because it takes half a second.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONG = 45
"""Characters of the longest name that stands within the axes, or beside another."""
MOST = 6
"""Largest number of names that stand within the axes."""
WIDE = 100
"""Characters of a line below the axes."""


def add_legend(figure: Figure, axes: Axes) -> None:
    """Name what was drawn: within the axes, or below them if names are many or long.

    Below, long names are wrapped, and the figure grows so that the axes keep their
    size. Lines of a name count and are wrapped one by one.

    Args:
        figure: A figure with the layout ``constrained``.
        axes: Its axes, with everything drawn.
    """
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    labels = [label.replace("$", r"\$") for label in labels]  # No mathematics.
    lines = [line for label in labels for line in label.splitlines()]
    short = max(map(len, lines)) <= LONG
    if short and len(lines) <= MOST:
        axes.legend(handles, labels, fontsize=8, frameon=False)
        return
    legend = figure.legend(
        handles,
        [_wrapped(label) for label in labels],
        loc="outside lower left",
        ncols=2 if short else 1,
        fontsize=8,
        frameon=False,
    )
    height = legend.get_window_extent().height / figure.dpi
    figure.set_figheight(figure.get_figheight() + height)


def _wrapped(label: str) -> str:
    return "\n".join(textwrap.fill(line, WIDE) for line in label.splitlines())
