"""Figures of the reproduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sb3_prune.analysis.figures import heading, new_figure, shades, tidy
from sb3_prune.files import atomic
from sb3_prune.plots.curves import ACCENT, INK

Rounds = Sequence[Mapping[str, Any]]


def total(done: Mapping[str, Any]) -> int:
    """Return the number of hidden units after a round."""
    return sum(done["units"].values())


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file; a failure leaves no partial file."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=80)


def by_threshold(found: Mapping[float, Sequence[Rounds]], path: Path) -> None:
    """Draw size, success and retraining effort after one merge over tau."""
    figure = new_figure((10, 3.2))
    heading(figure, "One merge of a 48 x 6 agent, by threshold")
    taus = list(found)
    series = {
        "hidden units left": [[total(r[1]) for r in runs] for runs in found.values()],
        "success right after": [
            [r[1]["merged_success"] for r in runs] for runs in found.values()
        ],
        "gradient steps to retrain": [
            [r[1]["gradient_steps"] for r in runs] for runs in found.values()
        ],
    }
    for axes, (label, values) in zip(
        figure.subplots(1, 3), series.items(), strict=True
    ):
        tidy(axes)
        for tau, dots in zip(taus, values, strict=True):
            axes.plot([tau] * len(dots), dots, ".", color=ACCENT, alpha=0.4)
        axes.plot(taus, [np.mean(v) for v in values], color=INK)
        axes.set_xlabel("tau")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    save(figure, path)


def by_width(found: Mapping[str, Sequence[Rounds]], path: Path) -> None:
    """Draw the units left after each round, for each initial width and reading."""
    figure = new_figure((7, 4))
    heading(figure, "Hidden units over rounds of merging and retraining")
    axes = figure.subplots()
    tidy(axes)
    for colour, (label, runs) in zip(shades(len(found)), found.items(), strict=True):
        for rounds in runs:
            axes.plot([total(done) for done in rounds], color=colour, alpha=0.25)
        longest = max(map(len, runs))
        mean = [
            np.mean([total(r[k]) for r in runs if len(r) > k]) for k in range(longest)
        ]
        axes.plot(mean, color=colour, marker="o", markersize=3, label=label)
    axes.set_yscale("log")
    axes.set_xticks(range(4))
    axes.set_xlabel("round")
    axes.set_ylabel("hidden units")
    axes.legend(fontsize=8, frameon=False, ncols=2)
    save(figure, path)


def layer_matrices(found: Mapping[str, np.ndarray], path: Path) -> None:
    """Draw the share of target layers that source layers predict, per pair of arms."""
    figure = new_figure((2.1 * len(found), 2.6))
    heading(figure, "Which source layers (down) predict which target layers (right)")
    every = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (label, matrix) in zip(every, found.items(), strict=True):
        axes.imshow(matrix, vmin=0, vmax=0.7, cmap="viridis")
        axes.set_title(label, fontsize=9, color=INK)
        axes.set_xticks([])
        axes.set_yticks([])
    save(figure, path)
