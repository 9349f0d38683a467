"""The three figures of Guenter & Sideris 2025."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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
        axes[0].set_title(task, loc="left", fontsize=10)
        axes[1].set_xlabel("environment steps")
        axes[1].set_yscale("log")
        for name, runs in variants.items():
            _curve(axes[0], name, runs, lambda row: row["return"], WINDOW)
            _curve(axes[1], name, runs, lambda row: row["terms"]["d"], 1)
    named = [panel.get_legend_handles_labels() for panel in rows[0]]
    lines = {name: line for pair in named for line, name in zip(*pair, strict=True)}
    names = {"loc": "upper left", "frameon": False, "fontsize": 7, "ncols": 2}
    rows[0][0].legend(lines.values(), lines.keys(), **names)
    save(figure, path)


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
    figure = new_figure((4.5 * len(found), 3.2))
    heading(figure, "Units left per block: phi_o, then phi_oa")
    for axes, (task, variants) in zip(_axes(figure, found), found.items(), strict=True):
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
                label=f"{name}: {sum(heights):.0f}",
                align="edge",
            )
        axes.axvline(_half(variants) - 0.5, color=COLOURS["sac"], linewidth=1)
        axes.set_xlabel("block")
        axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # Room for the legend.
        axes.legend(frameon=False, fontsize=8)
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
    heading(
        figure, "Parameters in thousands; share of OFE's (colour) and of OFE-Big's, %"
    )
    for axes, (task, variants) in zip(_axes(figure, found), found.items(), strict=True):
        pruned = [name for name in variants if name.startswith("prune")]
        if pruned:
            _tile(axes, variants, sorted(pruned))
        axes.set_title(task, loc="left", fontsize=10)
    save(figure, path)


def _tile(axes: Axes, variants: Results, pruned: Sequence[str]) -> None:
    shares = np.array(
        [[variants.size(n, p) / variants.size("ofe", p) for n in pruned] for p in PARTS]
    )
    axes.imshow(shares, cmap="Oranges", vmin=0, vmax=DARK, aspect="auto")
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


def _axes(figure: Figure, found: Found) -> list[Axes]:
    return list(figure.subplots(1, len(found), squeeze=False)[0])
