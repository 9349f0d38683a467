"""(i) Can the units that tracing calls free be removed, and do trials find mistakes?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.flow.judging import MOVES, judge, mutate
from benchmarks.flow.keeping import carry_out
from benchmarks.harness import Table

JUDGED, MUTATED = range(1200), range(80)
"""Seeds of the policies whose groups get trials, and of those whose slots are moved."""
SHOWN = 12
"""Largest number of misses that are listed by seed."""

Found = dict[str, Any]


def run() -> Table:
    """Trace random policies and run trials; a stopped run continues where it was."""
    judged = carry_out("judged", judge, JUDGED)
    return table(judged, carry_out("mutated", mutate, MUTATED))


def table(judged: Sequence[Found], mutated: Sequence[Found]) -> Table:
    """Return the results as a table with claims.

    Args:
        judged: Results of :func:`judge`, one per seed.
        mutated: Results of :func:`mutate`, one per seed.
    """
    made = Table(
        f"(i) {len(judged):,} random policies, traced and tried",
        ["what", "number", "refuted by a trial", "of these by values alone"],
    )
    _count_groups(made, judged)
    _count_mutants(made, mutated)
    return made


def _count_groups(table: Table, judged: Sequence[Found]) -> None:
    groups = [(found["seed"], g) for found in judged for g in found["groups"]]
    fixed = [g for _, g in groups if g["kind"] == "fixed"]
    free = [(seed, g) for seed, g in groups if g["kind"] == "free"]
    sure = [(seed, g) for seed, g in free if not g["soft"]]
    table.rows += [
        _row("groups of units: free", [g["refuted"] for _, g in sure]),
        _row("... of these, mix", [g["refuted"] for _, g in sure if g["mixes"]]),
        _row("soft: a place is literal", [g["refuted"] for _, g in free if g["soft"]]),
        ["fixed", len(fixed), "-", "-"],
        _row("all that passed, at once", [found["joint"] for found in judged]),
    ]
    wrong = [f"{seed} {g['name']}" for seed, g in sure if g["refuted"] is not None]
    table.claim(
        f"no free group is refuted, literal places aside ({len(wrong)} of "
        f"{len(sure):,}{_named(wrong)})",
        not wrong,
    )
    joint = [str(found["seed"]) for found in judged if found["joint"] is not None]
    table.claim(
        f"what passes alone passes together ({len(joint)} of {len(judged):,} policies "
        f"fail{_named(joint)})",
        not joint,
    )


def _count_mutants(table: Table, mutated: Sequence[Found]) -> None:
    mutants = [(found["seed"], m) for found in mutated for m in found["mutants"]]
    idle = [m for _, m in mutants if m["said"] is None and not m["matters"]]
    layers = sum(found["groups"] for found in mutated)
    for how in ("dropped", "shifted"):
        said = [m["said"] for _, m in mutants if m["how"] == how and m not in idle]
        table.rows.append(_row(f"slots of {layers} layers: {how}", said))
    table.rows.append(["... that no output depends on", len(idle), "-", "-"])
    missed = Counter(s for s, m in mutants if m["said"] is None and m["matters"])
    named = _named([f"{seed}: {count}" for seed, count in missed.items()])
    table.claim(
        "a trial notices every slot that is dropped or shifted "
        f"({missed.total()} of {len(mutants) - len(idle):,} missed{named})",
        not missed,
    )


def _row(what: str, reasons: Iterable[str | None]) -> list[Any]:
    said = list(reasons)
    refuted = [why for why in said if why is not None]
    return [what, len(said), len(refuted), sum(w.startswith(MOVES) for w in refuted)]


def _named(seeds: list[str]) -> str:
    if not seeds:
        return ""
    more = "; ..." if len(seeds) > SHOWN else ""
    return f"; seed {'; seed '.join(seeds[:SHOWN])}{more}"
