"""The generated part of docs/screening.md: readings, boosts, rates and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness import Table
from benchmarks.screening.experiments import Found
from benchmarks.screening.readings import CHOSEN, TOLD, Fit, Runs, fits
from benchmarks.screening.verdicts import five_lines
from sb3_prune.screening.rates import Rate
from sb3_prune.screening.sweep import Gain

SHOWN = 6
"""Readings in the table: the nearest ones. The chosen one, and the nearest by the nets
of tanh alone, are there in any case."""


def text(readings: Runs, found: Sequence[Found]) -> str:
    """Return the generated part.

    Args:
        readings: Trainings of the budget ``readings``.
        found: Experiments that can be judged.
    """
    nearest = fits(readings)
    lines = enumerate(five_lines(nearest, found), 1)
    parts = [
        section("Which reading", _readings(nearest, readings), "readings"),
        section("Boosts of sample efficiency", _boosts(found), "small"),
        section("Success rates of held-out seeds", _rates(found), "small"),
        section("Faster than the median?", _classified(found), "small"),
        "## The verdict, computed\n",
        *(f"{number}. {line}" for number, line in lines),
    ]
    return "\n".join(parts) + "\n"


def section(title: str, table: Table, budget: str) -> str:
    """Return a table as Markdown, or what makes it if there are no rows."""
    if table.rows:
        return table.markdown().rstrip() + "\n"
    line = f"`python -m benchmarks.screening --budget {budget}`"
    return f"## {title}\n\nNot measured yet: {line} has to run first.\n"


def _readings(nearest: Sequence[Fit], runs: Runs) -> Table:
    counts = ", ".join(f"{len(each)} of {name}" for name, each in runs.items())
    told = [f"{t.setup.name} within {t.limit:,}" for t in TOLD]
    table = Table(
        f"Which reading gives the source's success rates ({counts or 'none'})",
        ["iteration", "solved: mean of", "level", *told, "distance, points", "of tanh"],
    )
    if not nearest:
        return table
    table.rows.append(["**source**", "", "", *(f"{t.share:.1%}" for t in TOLD), "", ""])
    by_tanh = min(nearest, key=lambda fit: fit.tanh_distance)
    further = [f for f in nearest[SHOWN:] if f is by_tanh or f.reading == CHOSEN]
    for fit in [*nearest[:SHOWN], *further]:
        reading = fit.reading
        mark = " (chosen)" if reading == CHOSEN else ""
        rates = [rate_text(rate) for rate in fit.rates]
        row = [f"{reading.iteration}{mark}", reading.judged, reading.level, *rates]
        table.rows.append([*row, f"{fit.distance:.1f}", f"{fit.tanh_distance:.1f}"])
    return table


def rate_text(rate: Rate) -> str:
    """Return a success rate with its interval as text."""
    if rate.share is None or rate.interval is None:
        return "-"
    low, high = rate.interval
    return f"{rate.share:.1%} ({100 * low:.0f} to {100 * high:.0f})"


def _boosts(found: Sequence[Found]) -> Table:
    table = Table(
        "Boosts of sample efficiency in per cent (source / ours, 95 % interval)",
        [
            *("", "seeds", "threshold", "training seeds", "held-out seeds", "kept"),
            *("rank correlation", "p"),
        ],
    )
    for each in found:
        source, sweep = each.experiment, each.judgement.sweep
        related = each.judgement.relation
        table.rows.append(
            [
                source.name,
                f"{len(each.train)} + {len(each.test)}",
                f"{told_text(source.threshold, 'g')} / {sweep.chosen:g}",
                f"{told_text(source.train)} / {gain_text(sweep.train_gain)}",
                f"{told_text(source.test)} / {gain_text(sweep.test_gain)}",
                f"{sweep.test_gain.kept:.0%}",
                "-" if related is None else f"{related.correlation:+.3f}",
                "-" if related is None else f"{related.p_value:.2g}",
            ]
        )
    return table


def told_text(value: float | None, form: str = "+.2f") -> str:
    """Return what the source tells as text, or a dash."""
    return "-" if value is None else format(value, form)


def gain_text(gain: Gain) -> str:
    """Return a boost with its interval and its permutation test as text."""
    low, high = gain.interval
    test = "" if gain.p_value is None else f", p = {gain.p_value:.2g}"
    return f"{gain.boost:+.1f} ({low:+.1f} to {high:+.1f}{test})"


def _rates(found: Sequence[Found]) -> Table:
    table = Table(
        "Success rates of held-out seeds (source, its training seeds / ours)",
        ["", "within", "all", "kept by the threshold", "p, kept against given up"],
    )
    for each in found:
        told, (rates,) = each.experiment.rates, each.judgement.rates
        before = ("-", "-") if told is None else (f"{told.all} %", f"{told.kept} %")
        table.rows.append(
            [
                each.experiment.name,
                f"{rates.limit:,}",
                f"{before[0]} / {rate_text(rates.all)}",
                f"{before[1]} / {rate_text(rates.kept)}",
                "-" if rates.p_value is None else f"{rates.p_value:.2g}",
            ]
        )
    return table


def _classified(found: Sequence[Found]) -> Table:
    table = Table(
        "Faster than the median? A classifier that reads the entropies of units",
        ["", "units", "right", "by chance", "p", "called faster"],
    )
    for each in found:
        if each.experiment.classified and not each.classified:
            table.rows.append([each.experiment.name, "too few are fast", *4 * "-"])
        for part, verdict in each.classified.items():
            low, high = verdict.interval
            right = f"{verdict.accuracy:.1%} ({100 * low:.0f} to {100 * high:.0f})"
            row = [each.experiment.name, part, right, f"{verdict.chance:.1%}"]
            table.rows.append(
                [*row, f"{verdict.p_value:.2g}", f"{verdict.said_faster:.0%}"]
            )
    return table
