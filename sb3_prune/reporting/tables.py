"""Tables: an agent before and after pruning, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sb3_prune.reporting.numbers import between, change, number
from sb3_prune.reporting.reported import ReportedRun, Test
from sb3_prune.runs.finished import FRESH

SIZES = {
    "units": "hidden units",
    "params_deploy": "parameters to act",
    "params_train": "parameters in all",
    "flops_deploy": "FLOPs per action",
}
"""Counts that every report shows, and how they are called."""
INTERVAL = "95 % interval"
"""Name of the row of intervals."""
NONE = "\N{EN DASH}"
"""What stands where a number is not known."""


class Row(NamedTuple):
    """One quantity before and after."""

    name: str
    """What it is."""
    before: str
    """The number before pruning."""
    after: str
    """The number after it."""
    change: str
    """How far it went, in per cent; empty if that says nothing."""


def sizes(run: ReportedRun) -> list[Row]:
    """Return the sizes of the agent and its latency."""
    before, after = run.before.counts, run.after.counts
    names = dict(SIZES)
    if after["sparse_flops_deploy"] < after["flops_deploy"]:  # Masked single weights.
        names["weights_deploy"] = "weights to act, unmasked"
        names["sparse_flops_deploy"] = "FLOPs without masked weights"
    rows = [
        Row(text, f"{before[name]:,}", f"{after[name]:,}", _change(run, name))
        for name, text in names.items()
    ]
    fast, slow = run.after.latency, run.before.latency
    return [*rows, Row("latency of predict", f"{slow:.0f} µs", f"{fast:.0f} µs", "")]


def results(run: ReportedRun) -> list[Row]:
    """Return what the agent achieved; no rows if it was never evaluated."""
    before, after = run.tested["before"], run.tested["after"]
    rows = {
        "mean return": (returned(before), returned(after)),
        INTERVAL: (interval(before), interval(after)),
        "success": (_share(before), _share(after)),
        "steps of an episode": (_length(before), _length(after)),
        "episodes": (_episodes(before), _episodes(after)),
    }
    return [Row(name, *pair, "") for name, pair in rows.items() if set(pair) != {NONE}]


def highlights(run: ReportedRun) -> list[Row]:
    """Return the few numbers by which an agent is judged."""
    names = {"hidden units", "parameters to act", "mean return", "success"}
    achieved = results(run)
    if is_fresh(run):  # What an agent did before it had learnt is no measure.
        achieved = [row._replace(before=NONE) for row in achieved]
    return [row for row in [*sizes(run), *achieved] if row.name in names]


def is_fresh(run: ReportedRun) -> bool:
    """Tell whether the agent was untrained at the start."""
    return run.config["command"][1] in FRESH


def returned(test: Test | None) -> str:
    """Return the mean return as text."""
    return _shown(test, "mean_return", number)


def interval(test: Test | None) -> str:
    """Return the 95 % interval of the mean return as text."""
    if test is None or test.get("interval") is None:
        return NONE
    low, high = test["interval"]
    return between(low, high)


def has_intervals(run: ReportedRun) -> bool:
    """Tell whether the rows of results have an interval; one episode has none."""
    return any(row.name == INTERVAL for row in results(run))


def moments(run: ReportedRun) -> Iterator[str]:
    """Yield what "before" and "after" mean in the rows of results."""
    after = "the last evaluation"
    if run.tested["after"] is None:
        after += ", which has no finite result"
    if run.tested["before"] is not None:
        yield f"Before: {_moment(run)}. After: {after}."
    elif run.tested["after"] is not None:
        yield f"After: {after}."


def _moment(run: ReportedRun) -> str:
    if is_fresh(run) and run.first_cut is not None:
        return f"the last evaluation before the first cut (step {run.first_cut:,})"
    return "the agent as it was before this run pruned anything"


def _change(run: ReportedRun, name: str) -> str:
    before, after = run.before.counts[name], run.after.counts[name]
    if not before or before == after:
        return ""
    return change(before, after)


def _share(test: Test | None) -> str:
    return _shown(test, "success", _percent)


def _length(test: Test | None) -> str:
    return _shown(test, "mean_length", number)


def _episodes(test: Test | None) -> str:
    return _shown(test, "episodes", "{:,}".format)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _shown(test: Test | None, name: str, text: Callable[[Any], str]) -> str:
    known = None if test is None else test.get(name)
    return NONE if known is None else text(known)
