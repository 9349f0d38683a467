"""From scratch: small dense nets with the widths that rounds of merging left.

They are trained as the dense agents are, until they pass the same test, and scored in
the episodes in which pruned agents are scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clusters.agents import learn, record_of, results_of, untrained
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import EXTREMES, FRESH_SEED, Case, cases, pruned
from benchmarks.harness import Table
from sb3_prune import runs
from sb3_prune.runs import Job
from sb3_prune.runs.jobs import read


def job_of(budget: Budget, case: Case, widths: Sequence[int]) -> Job:
    """Return the job that trains a net of the widths with which a case ends."""
    arguments = {"widths": list(widths), "updates": budget.updates, "seed": case.seed}
    return Job(
        name=f"scratch/{case.name}",
        function=train,
        arguments=arguments,
        settings=arguments,
    )


def train(
    folder: Path, widths: Sequence[int], updates: int, seed: int
) -> dict[str, Any]:
    """Train a net of three joints' arm from scratch; return the record."""
    del folder  # Minutes of training need no checkpoints.
    return learn(untrained(3, widths, seed), 3, updates, seed, FRESH_SEED)


def small(budget: Budget) -> Iterator[tuple[Case, list[dict[str, Any]]]]:
    """Yield the chains of rounds that passed to the end, and their rounds."""
    for case in dict.fromkeys(cases(budget)):
        found = pruned(budget, case)
        compared = (case.reading, case.tau) in EXTREMES and case.rounds == budget.rounds
        if case.joints == 3 and compared and found and found[-1]["passed"]:
            yield case, found


def carry_out(budget: Budget, executor: Executor) -> None:
    """Train a net for each chain that passed; skip those that are saved."""
    jobs = [job_of(budget, case, _widths(found)) for case, found in small(budget)]
    runs.carry_out(jobs, results_of(budget), executor=executor, desc="from scratch")


def table(budget: Budget) -> Table:
    """Compare pruned agents with nets of their widths that were trained from scratch.

    Gradient steps of pruned agents are those of all their training: before the first
    merge and in every round.
    """
    made = Table(
        "Pruned agents (of those that pass), and nets of their widths from scratch",
        [
            *("from", "tau", "units", "gradient steps", "success on 1,000 episodes"),
            *("from scratch: passed", "gradient steps", "success on 1,000 episodes"),
        ],
    )
    for width in budget.widths:
        for _, tau in EXTREMES:
            rows = [
                (case, found, record)
                for case, found in small(budget)
                if (case.width, case.tau) == (width, tau)
                and (record := _record(budget, case, found))
            ]
            if rows:
                made.rows.append([f"{width} x 6", f"{tau:g}", *_row(budget, rows)])
    return made


def _widths(rounds: Sequence[dict[str, Any]]) -> list[int]:
    return list(rounds[-1]["units"].values())


def _record(
    budget: Budget, case: Case, rounds: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    return read(job_of(budget, case, _widths(rounds)), results_of(budget))


def _row(budget: Budget, rows: Sequence[tuple[Case, Any, dict[str, Any]]]) -> list[str]:
    return [
        _mean(sum(_widths(found)) for _, found, _ in rows),
        _mean(_steps(budget, case, found) for case, found, _ in rows),
        _mean((found[-1]["fresh_success"] for _, found, _ in rows), "{:.3f}"),
        f"{sum(record['passed'] for _, _, record in rows)} of {len(rows)}",
        _mean(record["updates"] for _, _, record in rows),
        _mean((record["success"] for _, _, record in rows), "{:.3f}"),
    ]


def _steps(budget: Budget, case: Case, rounds: Sequence[dict[str, Any]]) -> int:
    dense = record_of(budget, case.joints, case.width, case.seed) or {"updates": 0}
    return int(dense["updates"] + sum(done["gradient_steps"] for done in rounds))


def _mean(values: Any, text: str = "{:,.0f}") -> str:
    listed = list(values)
    shown = [text.format(v) for v in (np.mean(listed), min(listed), max(listed))]
    return f"{shown[0]} ({shown[1]}-{shown[2]})"
