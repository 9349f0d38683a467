"""Common style of the analyses' figures, without pyplot and its global state.

Matplotlib is imported when something is drawn, because it takes half a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sb3_prune.plots.curves import ACCENT, FAINT, INK
from sb3_prune.plots.labels import layer_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

ROOM = 40
"""Number of letters that fit below an axis."""


def new_figure(figsize: tuple[float, float]) -> Figure:
    """Return an empty figure; ``figsize`` is its width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=figsize, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def heading(figure: FigureBase, text: str, size: float = 12) -> None:
    """Write a title above a figure or a part of one, aligned to the left."""
    figure.suptitle(text, x=0.01, ha="left", color=INK, fontsize=size)


def tidy(axes: Axes, *, grid: str = "y") -> None:
    """Remove lines that carry no information; draw a faint grid along one axis."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, length=2)
    axes.set_axisbelow(True)
    which: Any = grid
    axes.grid(axis=which, color=FAINT, alpha=0.4, linewidth=0.8)


def shades(count: int) -> list[tuple[float, ...]]:
    """Return a colour for each of ``count`` layers, from dark to light."""
    from matplotlib import colormaps  # noqa: PLC0415

    return [colormaps["viridis"](0.85 * i / max(1, count - 1)) for i in range(count)]


def label_layers(axes: Axes, names: Iterable[str]) -> None:
    """Label the positions 0, 1, 2, ... of the x axis with the names of layers."""
    texts = list(layer_labels(names).values())
    if all(text.startswith("layer ") for text in texts):
        axes.set_xlabel("hidden layer", color=INK, fontsize=9)
        texts = [text.removeprefix("layer ") for text in texts]
    tilted = sum(map(len, texts)) > ROOM
    axes.set_xticks(
        range(len(texts)),
        texts,
        rotation=35 if tilted else 0,
        ha="right" if tilted else "center",
    )


def draw_units(axes: Axes, values: Mapping[str, NDArray[np.float64]]) -> None:
    """Draw a point for each unit and a line for each layer's mean.

    Args:
        axes: Where to draw.
        values: Layer name -> a number for each unit, (units,).
    """
    colours = shades(len(values))
    for i, (found, colour) in enumerate(zip(values.values(), colours, strict=True)):
        # Spread points sideways by the golden ratio: even, and without random numbers.
        x = i + 0.6 * ((np.arange(len(found)) * 0.618034) % 1 - 0.5)
        axes.scatter(x, found, s=9, color=colour, alpha=0.55, linewidths=0)
        axes.hlines(found.mean(), i - 0.36, i + 0.36, color=ACCENT, linewidth=2)
    tidy(axes)
    label_layers(axes, values)
