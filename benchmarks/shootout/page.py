"""The generated part of docs/shootout.md: one table per environment and sparsity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import verdicts
from benchmarks.harness import Table
from benchmarks.shootout.budget import DENSE, POPS, SMALL, Budget, Part
from benchmarks.shootout.running import EVALUATED
from sb3_prune.evaluation.intervals import interval

LAST = 0.3
"""Share of training at its end whose evaluations are averaged; the source reports the
mean of the last 30 of 100."""
ENOUGH = 0.9
"""Share of the dense net's return that ``dsp`` should keep."""
PRICE = ("env_steps", "updates")
"""What PoPS takes beside the training."""
SIZES = ("units_deploy", "flops_deploy", "weights_deploy", "sparse_flops_deploy")
"""Columns of sizes: those of the agent that acts, and without weights that are zero."""
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
        f"{task.env}: methods asked for {sparsity:.0%} of the actor's units, `l1` and "
        f"`gmp` of its weights, in {round(task.steps * budget.share):,} steps",
        [
            *("", "seeds", "units", "FLOPs"),
            "weights that are not zero",
            "FLOPs without zeros",
            "return",
            "95 % bootstrap interval",
            f"mean of the tests in the last {100 * LAST:g} % of training, after the "
            f"last removal ({EVALUATED} greedy episodes each)",
        ],
    )
    rows = {}
    for method in part.methods:
        share = 0.0 if method in (DENSE, POPS) else sparsity
        if runs := found.get((task.env, method.name, share)):
            rows[method.name] = [run["return"] for run in runs]
            made.rows.append(_row(method.name, runs))
    made.notes += _more(found.get((task.env, POPS.name, 0.0), ()))
    if all(len(rows.get(name, ())) == len(part.seeds) for name in JUDGED):
        _judge(made, rows)
    return made


def _row(name: str, runs: Sequence[Mapping[str, Any]]) -> list[Any]:
    returns = [run["return"] for run in runs]
    late = [np.mean([mean for _, mean in late_of(run)]) for run in runs if late_of(run)]
    sizes = [_mean(runs, key) for key in SIZES]
    shown = f"{np.mean(late):.1f}" if len(late) == len(runs) else "-"
    mean = f"{np.mean(returns):.1f}"
    return [name, len(runs), *sizes, mean, spread(returns), shown]


def _more(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what PoPS takes beside the training, if it is there."""
    if not runs:
        return []
    steps, updates = (_mean([run["pops"] for run in runs], k) for k in PRICE)
    return [
        f"`pops` shrinks the trained net, with {steps:,} environment steps and "
        f"{updates:,} updates more than the others, on average."
    ]


def late_of(run: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Return steps and returns of the late evaluations, all of the final sizes.

    They are counted by steps: evaluations come when rollouts start, so where these are
    long there are fewer than were asked for. Of PoPS there are none: it prunes after
    training.
    """
    if "pops" in run:
        return []
    end = run["evaluations"][-1][0]
    cut = run["units"][-1]["timesteps"] if run["units"] else 0
    begin = max(cut, (1 - LAST) * end)
    return [(steps, mean) for steps, mean in run["evaluations"] if steps > begin]


def _mean(runs: Sequence[Mapping[str, Any]], key: str) -> int:
    return round(float(np.mean([run[key] for run in runs])))


def spread(returns: Sequence[float]) -> str:
    """Return the interval of a mean over seeds as text."""
    found = interval(returns)
    return "none (one seed)" if found is None else f"{found[0]:.1f} to {found[1]:.1f}"


def _judge(made: Table, rows: Mapping[str, Sequence[float]]) -> None:
    """Add the claims about ``dsp``."""
    ours, dense, small = (rows[name] for name in JUDGED)
    _claim(made, "the dense net's", ENOUGH, ours, dense)
    _claim(made, "the small dense net's", 1.0, ours, small)


def _claim(
    made: Table, whose: str, bar: float, ours: Sequence[float], others: Sequence[float]
) -> None:
    """Claim that returns reach a share of others, seed by seed."""
    text = (
        f"dsp returns at least {bar:.0%} of {whose} return: the 95 % t-interval of the "
        f"mean share, seed by seed, lies at or above {bar:.0%}; not decidable if it "
        f"contains {bar:.0%}, of one seed, or of returns that are not positive"
    )
    if min(others) <= 0:
        made.claim(f"{text} (there are such)", None)
        return
    shares = [a / b for a, b in zip(ours, others, strict=True)]
    low, high = verdicts.interval(shares)
    sure = f"interval {low:.0%} to {high:.0%}" if len(shares) > 1 else "one seed"
    made.claim(f"{text} ({np.mean(shares):.1%}, {sure})", reached(shares, bar))


def reached(shares: Sequence[float], bar: float) -> bool | None:
    """Tell whether a mean share reaches a bar; None if the data do not decide it."""
    said = {verdicts.Answer.HOLDS: True, verdicts.Answer.FAILS: False}
    return said.get(verdicts.reaches(shares, bar))
