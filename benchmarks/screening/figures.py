"""Figures of the source: thresholds against efficiency, entropy against iterations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.screening.experiments import Found
from sb3_prune.files import atomic
from sb3_prune.screening import plot_runs, plot_sweep

WHAT = ("thresholds against sample efficiency", "what is measured against iterations")
"""What an experiment's figures show, in the order of their files."""


def paths(found: Found, folder: Path = Path()) -> tuple[Path, Path]:
    """Return the files of an experiment's figures, of its thresholds and its runs."""
    large = "_large" if found.experiment.large else ""
    name = found.experiment.name.replace(", ", "_").replace("-", "_")
    return (
        folder / f"screening_{name}{large}_thresholds.png",
        folder / f"screening_{name}{large}_runs.png",
    )


def draw(found: Sequence[Found], folder: Path) -> None:
    """Draw the figures of experiments into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in found:
        sweep, screener = each.judgement.sweep, each.experiment.screener
        figures = (plot_sweep(sweep), plot_runs(each.test, sweep.chosen, screener))
        for path, figure in zip(paths(each, folder), figures, strict=True):
            with atomic(path) as temporary:
                figure.savefig(temporary)
