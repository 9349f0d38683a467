"""The tables: what a transplant gains over training from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.harness import Table
from sb3_prune.evaluation.intervals import interval

Runs = Mapping[str, Sequence[Mapping[str, Any]]]
"""Name of a task -> results of its seeds."""


def table(found: Runs) -> Table:
    """Make the table of all tasks."""
    made = Table(
        "Transplants: mean greedy return over training (area under the curve)",
        [
            *("", "seeds", "old agent, end", "transplanted, start"),
            *("transplanted, mean", "from scratch, mean", "gain", "95 % interval"),
        ],
    )
    for name, runs in found.items():
        if not runs:
            continue
        mean = {
            kind: [float(np.mean([m for _, m in run[kind]])) for run in runs]
            for kind in ("transplanted", "from scratch")
        }
        pairs = zip(mean["transplanted"], mean["from scratch"], strict=True)
        gains = [ours - theirs for ours, theirs in pairs]
        sure = interval(gains)
        between = "one seed" if sure is None else f"{sure[0]:.1f} to {sure[1]:.1f}"
        made.rows.append(
            [
                *(name, len(runs)),
                _text([run["old"][-1][1] for run in runs]),
                _text([run["transplanted"][0][1] for run in runs]),
                *(_text(mean[kind]) for kind in ("transplanted", "from scratch")),
                *(_text(gains), between),
            ]
        )
        holds = sure is not None and sure[0] > 0
        made.claim(f"{name}: a transplant learns faster ({between})", holds)
    return made


def _text(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1f}"
