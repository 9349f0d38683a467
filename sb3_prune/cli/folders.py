"""Folders: the options of commands that read the folders of finished runs.

Nothing here imports torch, as in ``lines``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Compare finished runs: returns with intervals, sizes, and two pictures.

    Runs that differ only in --seed, or that share a --label, are one row: the
    interquartile mean of their last evaluations, and its 95 % bootstrap interval.
    """

    runs: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")
    ]
    """Run folders of train, prune and scratch, all of one environment."""
    out: Path | None = None
    """Folder to create; `comparison` beside the first run if not given."""
    overwrite: bool = False
    """Replace an older comparison in the folder."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Show finished runs in one HTML file that needs no network.

    What was pruned, returns before and after with intervals, learning and widths over
    training, every hidden layer, analyses and animations if a run has them, and how to
    load and export the agents. Nothing is unpickled.
    """

    runs: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")
    ]
    """Run folders of train, prune and scratch."""
    out: Path | None = None
    """File to write; `report.html` in the run, or beside the first of several."""
    overwrite: bool = False
    """Replace the file if it exists."""


@dataclass(frozen=True, kw_only=True)
class CardOptions:
    """Write a folder for the Hugging Face hub: model card, zips, results.

    Files have the names that huggingface_sb3 gives. Nothing is uploaded.
    """

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder of train, prune or scratch."""
    out: Path | None = None
    """Folder to create; `hub` in the run folder if not given."""
