"""The tables: what a transplant gains over training from scratch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.harness import Table
from benchmarks.transplants import gains
from benchmarks.transplants.gains import Curve, Gain, Run, number

Runs = Mapping[str, Sequence[Run]]
"""Name of a task -> results of its seeds."""


def text(found: Runs) -> str:
    """Return the tables and the verdicts, of tasks that have results."""
    there = {name: runs for name, runs in found.items() if runs}
    tables = [table.markdown() for table in (returns(there), savings(there))]
    return "\n".join([*tables, "## Verdicts", "", *verdicts(there), ""])


def returns(found: Runs) -> Table:
    """Make the table of mean returns and of their differences."""
    made = Table(
        "Mean greedy return over training (area under the curve)",
        [
            *("", "seeds", "old agent, end", "transplanted, start", "transplanted"),
            *("from scratch", "gain (95 % interval)"),
            *("from scratch, old steps counted", "gain (95 % interval)"),
        ],
    )
    for name, runs in found.items():
        later = [gains.mean(curve) for curve in map(gains.later, runs) if curve]
        made.rows.append(
            [
                *(name, len(runs)),
                _mean([run["old"][-1][1] for run in runs]),
                _mean([run["transplanted"][0][1] for run in runs]),
                _mean([gains.mean(run["transplanted"]) for run in runs]),
                _mean([gains.mean(gains.head(run)) for run in runs]),
                gains.in_return(runs),
                _mean(later) if later else "-",
                gains.in_total(runs) or "-",
            ]
        )
    return made


def savings(found: Runs) -> Table:
    """Make the table of the steps until the return that is reached from scratch."""
    made = Table(
        "Steps until the return with which agents from scratch end",
        ["", "return", "transplanted", "from scratch", "steps saved (95 % interval)"],
    )
    for name, runs in found.items():
        wanted = gains.threshold(runs)
        ours = _until([run["transplanted"] for run in runs], wanted)
        theirs = _until([gains.head(run) for run in runs], wanted)
        saved = gains.in_steps(runs)
        made.rows.append([name, number(wanted), ours, theirs, saved])
    return made


def verdicts(found: Runs) -> Iterator[str]:
    """Yield a sentence about each task, as strict as its seeds are many."""
    for name, runs in found.items():
        total = gains.in_total(runs)
        counted = "" if total is None else f"; old steps counted: {_verdict(total)}"
        yield f"- {name}: {_verdict(gains.in_return(runs))}{counted}."


def _verdict(gain: Gain) -> str:
    return f"**{gain.verdict}**, {gain}"


def _until(curves: Sequence[Curve], wanted: float) -> str:
    """Return the mean steps, and how many agents never get there."""
    steps = _mean([gains.steps_until(curve, wanted) for curve in curves])
    never = gains.never(curves, wanted)
    return f"{steps}; {never} of {len(curves)} never" if never else steps


def _mean(values: Sequence[float]) -> str:
    return number(float(np.mean(values)))
