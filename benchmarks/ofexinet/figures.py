"""The three figures of Guenter & Sideris 2025."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from benchmarks.ofexinet.results import Results, Run
from sb3_prune.analysis.figures import heading, new_figure, tidy
from sb3_prune.files import atomic

Found = Mapping[str, Results]
"""Environment -> results, which are variant -> finished trainings."""
Row = Mapping[str, Any]
"""The results of one evaluation."""

COLOURS = {
    "sac": "#b8c4ce",
    "sac-big": "#7f8c96",
    "ofe": "#7fb3d5",
    "ofe-big": "#22303c",
    "ofe-big-layer": "#9b59b6",
    "prune-a": "#f5b041",
    "prune-b": "#e4572e",
    "prune-b-deployed": "#8e1b0e",
    "prune-c": "#27ae60",
    "small-dense": "#7b2d8e",
    "cut-b": "#2e86c1",
    "drawn-b": "#d35ef0",
}
PARTS = {
    "C_o": "phi_o",
    "C_oa": "phi_oa",
    "C_actor.latent_pi": "pi",
    "C_value.net": "V",
    "C_critic.qf0": "Q1",
    "C_critic.qf1": "Q2",
}
"""Name of a part of an agent in our results -> its name in the paper."""
DARK = 4
"""Number of parameters, relative to OFE's, at which a tile has the darkest colour."""
WINDOW = 5
"""Number of evaluations in the moving mean of the curves, as in the paper."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file; a failure leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=80)


def smooth(values: Sequence[float], window: int) -> np.ndarray:
    """Return the moving mean over each value and up to window - 1 values before it."""
    before = [values[max(0, i - window + 1) : i + 1] for i in range(len(values))]
    return np.array([np.mean(part) for part in before])


def returns(found: Found, path: Path) -> None:
    """Draw evaluation returns (Figure 3) and sizes of all variants over steps."""
    figure = new_figure((4.5 * len(found), 6.0))
    heading(
        figure,
        "Greedy return, moving mean of five evaluations (shaded: all seeds), and "
        "deployed parameters",
    )
    rows = figure.subplots(2, len(found), squeeze=False)
    for axes, (task, variants) in zip(rows.T, found.items(), strict=True):
        for panel in axes:
            tidy(panel)
            panel.xaxis.set_major_locator(MaxNLocator(5))
            panel.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes[0].set_title(task, loc="left", fontsize=10)
        axes[1].set_xlabel("environment steps")
        _in_thousands(axes[1])
        for name, runs in variants.items():
            _curve(axes[0], name, runs, lambda row: row["return"], WINDOW)
            _curve(axes[1], name, runs, lambda row: row["terms"]["d"], 1)
    rows[0][0].set_ylabel("greedy return")
    rows[1][0].set_ylabel("deployed parameters")
    _name(figure, rows[0])
    save(figure, path)


def _in_thousands(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_minor_locator(NullLocator())


def _name(figure: Figure, panels: Sequence[Axes]) -> None:
    """Write one legend below all panels, with the names of all of them."""
    named = [panel.get_legend_handles_labels() for panel in panels]
    found = {name: line for pair in named for line, name in zip(*pair, strict=True)}
    options: dict[str, Any] = {"loc": "outside lower center", "frameon": False}
    options |= {"ncols": len(found), "fontsize": 8}
    figure.legend(list(found.values()), list(found.keys()), **options)


def _curve(
    axes: Axes, name: str, runs: Sequence[Run], of: Callable[[Row], float], window: int
) -> None:
    """Draw the mean over the seeds, and the range between minimum and maximum."""
    shortest = min(len(run.history) for run in runs)
    steps = [row["timesteps"] for row in runs[0].history[:shortest]]
    curves = np.array(
        [smooth([of(row) for row in run.history[:shortest]], window) for run in runs]
    )
    axes.plot(steps, curves.mean(axis=0), color=COLOURS[name], label=name)
    if len(runs) > 1:
        ends = curves.min(axis=0), curves.max(axis=0)
        axes.fill_between(steps, *ends, color=COLOURS[name], alpha=0.15, linewidth=0)


def blocks(found: Found, path: Path) -> None:
    """Draw the units left in each block of phi_o and phi_oa (Figure 5)."""
    figure = new_figure((4.5 * len(found), 3.4))
    heading(figure, "Units left per block, mean over seeds (dashed: OFE-Big)")
    panels = list(figure.subplots(1, len(found), sharey=True, squeeze=False)[0])
    for axes, (task, variants) in zip(panels, found.items(), strict=True):
        tidy(axes)
        axes.set_title(task, loc="left", fontsize=10)
        shown = [name for name in variants if name.startswith("prune") or name == "ofe"]
        for i, name in enumerate(shown):
            heights = _block_units(variants[name])
            places = np.arange(len(heights)) + (i - len(shown) / 2) * 0.8 / len(shown)
            axes.bar(
                places,
                heights,
                0.8 / len(shown),
                color=COLOURS[name],
                label=name,
                align="edge",
            )
        if "ofe-big" in variants:
            most = max(_block_units(variants["ofe-big"]))
            axes.axhline(most, color=COLOURS["ofe-big"], linewidth=1, linestyle="--")
        half = _half(variants)
        axes.axvline(half - 0.5, color=COLOURS["sac"], linewidth=1)
        axes.set_xticks(range(2 * half), [*range(1, half + 1)] * 2)
        axes.set_xlabel("block of phi_o, then of phi_oa")
    panels[0].set_ylabel("units")
    _name(figure, panels)
    save(figure, path)


def _block_units(runs: Sequence[Run]) -> list[float]:
    names = [name for name in runs[0].units if name.startswith("ofe.")]
    return [float(np.mean([run.units[name] for run in runs])) for name in names]


def _half(variants: Mapping[str, Sequence[Run]]) -> int:
    runs = next(r for r in variants.values() if _block_units(r))
    return sum(name.startswith("ofe.phi_o.") for name in runs[0].units)


def tiles(found: Found, path: Path) -> None:
    """Draw each network's parameters, relative to OFE's and OFE-Big's (Figure 4)."""
    figure = new_figure((3.4 + 2.6 * len(found), 3.4))
    heading(figure, "Parameters; below them, shares of OFE's (colour) and OFE-Big's")
    panels = _axes(figure, found)
    image = None
    for axes, (task, variants) in zip(panels, found.items(), strict=True):
        pruned = [name for name in variants if name.startswith("prune")]
        if pruned:
            image = _tile(axes, variants, sorted(pruned))
        axes.set_title(task, loc="left", fontsize=10)
    if image is not None:
        bar = figure.colorbar(image, ax=panels, extend="max", pad=0.01)
        bar.set_label("times OFE's parameters", fontsize=8)
        bar.ax.tick_params(labelsize=8)
    save(figure, path)


def _tile(axes: Axes, variants: Results, pruned: Sequence[str]) -> AxesImage:
    shares = np.array(
        [[variants.size(n, p) / variants.size("ofe", p) for n in pruned] for p in PARTS]
    )
    image = axes.imshow(shares, cmap="Oranges", vmin=0, vmax=DARK, aspect="auto")
    for row, part in enumerate(PARTS):
        for column, name in enumerate(pruned):
            count = variants.size(name, part)
            big = count / variants.size("ofe-big", part)
            text = f"{count / 1000:.1f}k\n{shares[row, column]:.0%}, {big:.0%}"
            ink = "white" if shares[row, column] > DARK * 0.6 else "black"
            place = {"ha": "center", "va": "center", "fontsize": 7}
            axes.text(column, row, text, color=ink, **place)
    axes.set_xticks(range(len(pruned)), pruned)
    axes.set_yticks(range(len(PARTS)), PARTS.values())
    return image


def _axes(figure: Figure, found: Found) -> list[Axes]:
    return list(figure.subplots(1, len(found), squeeze=False)[0])
