"""The generated part of docs/shootout.md: one table per environment and sparsity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.harness import Table
from benchmarks.shootout.budget import DENSE, POPS, SMALL, Budget, Part
from sb3_prune.evaluation.intervals import interval

LAST = 0.3
"""Share of training at its end whose evaluations are averaged; the source reports the
mean of the last 30 of 100."""
ENOUGH = 0.9
"""Share of the dense net's return that ``dsp`` should keep."""
Runs = Mapping[tuple[str, str, float], Sequence[Mapping[str, Any]]]
"""(environment, method, sparsity) -> results of the seeds that are finished."""


JUDGED = ("dsp", DENSE.name, SMALL.name)
"""Methods that claims compare, once all seeds of all of them are there."""


def text(budget: Budget, found: Runs) -> str:
    """Return all tables, those of finished trainings only."""
    made = [
        table(budget, part, sparsity, found)
        for part in budget.parts
        for sparsity in part.sparsities
    ]
    return "\n".join(each.markdown() for each in made if each.rows)


def table(budget: Budget, part: Part, sparsity: float, found: Runs) -> Table:
    """Make the table of an environment and a share of units that go."""
    task = part.task
    made = Table(
        f"{task.env}, {sparsity:.0%} of the actor's units gone, "
        f"{round(task.steps * budget.share):,} steps",
        [
            *("", "seeds", "units", "weights", "FLOPs", "return"),
            "95 % interval",
            f"mean of evaluations in the last {100 * LAST:g} %, after the last cut",
        ],
    )
    rows = {}
    for method in part.methods:
        share = 0.0 if method in (DENSE, POPS) else sparsity
        if runs := found.get((task.env, method.name, share)):
            rows[method.name] = [run["return"] for run in runs]
            made.rows.append(_row(method.name, runs))
    if all(len(rows.get(name, ())) == len(part.seeds) for name in JUDGED):
        _judge(made, rows)
    return made


def _row(name: str, runs: Sequence[Mapping[str, Any]]) -> list[Any]:
    returns = [run["return"] for run in runs]
    late = [np.mean([mean for _, mean in late_of(run)]) for run in runs if late_of(run)]
    sizes = [_mean(runs, key) for key in ("weights_deploy", "sparse_flops_deploy")]
    units = _mean(runs, "units_deploy")
    shown = f"{np.mean(late):.1f}" if len(late) == len(runs) else "-"
    mean = f"{np.mean(returns):.1f}"
    return [name, len(runs), units, *sizes, mean, spread(returns), shown]


def late_of(run: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Return steps and returns of the late evaluations, all of the final sizes.

    They are counted by steps: evaluations come when rollouts start, so where these are
    long there are fewer than were asked for.
    """
    end = run["evaluations"][-1][0]
    cut = run["units"][-1]["timesteps"] if run["units"] else 0
    begin = max(cut, (1 - LAST) * end)
    return [(steps, mean) for steps, mean in run["evaluations"] if steps > begin]


def _mean(runs: Sequence[Mapping[str, Any]], key: str) -> int:
    return round(float(np.mean([run[key] for run in runs])))


def spread(returns: Sequence[float]) -> str:
    """Return the interval of a mean over seeds as text."""
    found = interval(returns)
    return "one seed" if found is None else f"{found[0]:.1f} to {found[1]:.1f}"


def _judge(made: Table, rows: Mapping[str, Sequence[float]]) -> None:
    """Add the claims about ``dsp``."""
    ours, dense, small = (rows[name] for name in JUDGED)
    share = kept(ours, dense)
    shown = f"{share:.0%}" if share is not None else "no share of such a return"
    made.claim(
        f"dsp has at least {ENOUGH:.0%} of the dense net's mean return, if that is "
        f"positive; not decidable of one seed ({shown})",
        None if share is None or len(ours) == 1 else share >= ENOUGH,
    )
    made.claim(
        "dsp is not below the small dense net: its mean is at least as high, or both "
        "means lie where the intervals overlap; not decidable if these only overlap, "
        f"or of one seed ({spread(ours)}, {spread(small)})",
        not_below(ours, small),
    )


def kept(ours: Sequence[float], dense: Sequence[float]) -> float | None:
    """Return our share of the dense mean; None unless that is positive."""
    whole = float(np.mean(dense))
    return float(np.mean(ours)) / whole if whole > 0 else None


def not_below(ours: Sequence[float], others: Sequence[float]) -> bool | None:
    """Tell whether our mean is at least theirs, or hardly below it.

    It is hardly below if both means lie where the two intervals overlap. Intervals that
    overlap otherwise, and those of one seed, decide nothing: None.
    """
    pair = interval(ours), interval(others)
    if pair[0] is None or pair[1] is None:
        return None
    means = float(np.mean(ours)), float(np.mean(others))
    low, high = max(pair[0][0], pair[1][0]), min(pair[0][1], pair[1][1])
    if means[0] >= means[1] or low <= means[0] <= means[1] <= high:
        return True
    return None if low <= high else False
