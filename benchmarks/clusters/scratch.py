"""From scratch: small dense nets with the widths that rounds of merging left.

They are trained as the dense agents are, until they pass the same test, and scored in
the episodes in which pruned agents are scored. They may take as many gradient steps as
a dense agent, or as the pruned one took in all, if that is more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from benchmarks.clusters import steps
from benchmarks.clusters.agents import learn, record_of, results_of, untrained
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import EXTREMES, FRESH_SEED, Case, cases, pruned
from benchmarks.harness import Table, spread
from sb3_prune import runs
from sb3_prune.runs import Job
from sb3_prune.runs.jobs import read

Chain = Sequence[dict[str, Any]]
"""The rounds of merging and retraining of one agent."""
WHOLE = "{:,.0f}"


def job_of(budget: Budget, case: Case, rounds: Chain) -> Job:
    """Return the job that trains a net of the widths with which a case ends."""
    arguments = {
        "widths": _widths(rounds),
        "updates": max(budget.updates, _steps(budget, case, rounds)),
        "seed": case.seed,
    }
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


def chains(budget: Budget) -> Iterator[tuple[Case, Chain]]:
    """Yield the chains of rounds that are compared, and their rounds."""
    for case in dict.fromkeys(cases(budget)):
        found = pruned(budget, case)
        compared = (case.reading, case.tau) in EXTREMES and case.rounds == budget.rounds
        if case.joints == 3 and compared and found:
            yield case, found


def small(budget: Budget) -> Iterator[tuple[Case, Chain]]:
    """Yield the chains that passed to the end, and their rounds."""
    return ((case, found) for case, found in chains(budget) if found[-1]["passed"])


def carry_out(budget: Budget, executor: Executor) -> None:
    """Train a net for each chain that passed; skip those that are saved."""
    jobs = [job_of(budget, case, found) for case, found in small(budget)]
    runs.carry_out(jobs, results_of(budget), executor=executor, desc="from scratch")


def table(budget: Budget) -> Table:
    """Compare pruned agents with nets of their widths that were trained from scratch.

    Figures of pruned agents are of the chains that passed, whose widths the nets from
    scratch have; how many those are stands before them. Gradient steps of pruned agents
    are those of all their training: before the first merge and in every round. Success
    of nets from scratch is of all of them, passed or not.
    """
    made = Table(
        "Pruned agents that pass, and nets of their widths from scratch",
        [
            *("from", "tau", "pruned: passed", "pruned: units"),
            *("pruned: gradient steps", "pruned: success", "from scratch: passed"),
            "from scratch: gradient steps (of those that never passed: steps until "
            "they were given up)",
            "from scratch: success, passed or not",
        ],
    )
    for width in budget.widths:
        for _, tau in EXTREMES:
            every = [
                (case, found)
                for case, found in chains(budget)
                if (case.width, case.tau) == (width, tau)
            ]
            row = _row(budget, every)
            if row:
                made.rows.append([f"{width} x 6", f"{tau:g}", *row])
    return made


def _row(budget: Budget, every: Sequence[tuple[Case, Chain]]) -> list[str]:
    """Return a row's cells; none if a net is not trained yet."""
    passed = [(case, found) for case, found in every if found[-1]["passed"]]
    records = [
        read(job_of(budget, case, found), results_of(budget)) for case, found in passed
    ]
    done = [record for record in records if record is not None]
    if not done or len(done) < len(passed):
        return []
    return [
        f"{len(passed)} of {len(every)}",
        spread((sum(_widths(found)) for _, found in passed), WHOLE),
        spread((_steps(budget, case, found) for case, found in passed), WHOLE),
        spread((found[-1]["fresh_success"] for _, found in passed), "{:.3f}"),
        f"{sum(record['passed'] for record in done)} of {len(done)}",
        steps.text([(record["passed"], record["updates"]) for record in done], WHOLE),
        spread((record["success"] for record in done), "{:.3f}"),
    ]


def _widths(rounds: Chain) -> list[int]:
    return list(rounds[-1]["units"].values())


def _steps(budget: Budget, case: Case, rounds: Chain) -> int:
    dense = record_of(budget, case.joints, case.width, case.seed)
    assert dense is not None, f"{case.name} was pruned, but never trained"
    return int(dense["updates"] + sum(done["gradient_steps"] for done in rounds))
