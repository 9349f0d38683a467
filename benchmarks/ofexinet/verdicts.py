"""Verdicts about Guenter & Sideris 2025, judged from the kept results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.ofexinet import returns
from benchmarks.ofexinet.pace import label_of
from benchmarks.ofexinet.results import Results, Run
from benchmarks.ofexinet.returns import BIG, PRUNED, of_every_seed, whose
from benchmarks.verdicts import Verdict, Whose, answer

TWICE, HEAVY, GAP, LOSS, HALF = 2.0, 0.5, 0.25, 0.01, 0.5
SINGLE = "one seed can refute this, not show it"
PAPER = {"HalfCheetah-v5": (16, 739), "Hopper-v5": (10, 665)}
"""Environment -> deployed size of Prune-B and of OFE-Big in % of OFE's: Table 3."""
Found = Mapping[str, Results]


def verdicts(found: Found, pace: Mapping[str, Any] | None) -> list[Verdict]:
    """Return all verdicts.

    Args:
        found: Environment -> results.
        pace: The table of steps per second, if it was measured.
    """
    both = {t: r for t, r in found.items() if {BIG, PRUNED} <= r.keys()}
    made: list[Verdict] = []
    for rule in (*returns.BESIDE_BIG, _size, _beside_ofe, *returns.BESIDE, _branches):
        made += [v for task, runs in both.items() for v in rule(task, runs)]
    return [*made, *_speed(pace, found), *_normalised(found), *_loss(found)]


def _size(task: str, runs: Results) -> Iterator[Verdict]:
    if task not in PAPER:
        return
    ours = _sizes(runs, BIG, "d")
    mean, paper = float(np.mean(ours)), PAPER[task][0] / PAPER[task][1]
    yield Verdict(
        claim=f"{task}: Prune-B is deployed with {paper:.1%} of OFE-Big's parameters.",
        whose=Whose.PAPER,
        rule=f"in every seed at most twice that share; {SINGLE}",
        found=f"{mean:.1%}, {mean / paper:.0f} times the paper's share{_each(ours)}",
        answer=of_every_seed(max(ours) <= TWICE * paper, len(ours)),
    )


def _sizes(runs: Results, other: str, part: str) -> list[float]:
    """Return Prune-B's size in each seed, divided by the mean size of another."""
    return [run.terms[part] / runs.size(other, part) for run in runs[PRUNED]]


def _each(shares: Sequence[float]) -> str:
    """Return the range over the seeds in brackets, or that there is one seed."""
    if len(shares) == 1:
        return " (one seed)"
    return f" ({len(shares)} seeds: {_range(shares)})"


def _beside_ofe(task: str, runs: Results) -> Iterator[Verdict]:
    paper = f" ({PAPER[task][0]} %)" if task in PAPER else ""
    half = "less than half of plain OFE's parameters"
    for part, what, claim in (
        ("d", "deployed parameters (d)", f"is deployed with {half}{paper}"),
        ("t", "parameters in training (t)", f"has {half} left to train"),
    ):
        ours = _sizes(runs, "ofe", part)
        yield Verdict(
            claim=f"{task}: Prune-B {claim}.",
            whose=whose(task),
            rule=f"in every seed {what} below {HALF:.0%} of OFE's; {SINGLE}",
            found=f"{np.mean(ours):.0%}{_each(ours)}",
            answer=of_every_seed(max(ours) < HALF, len(ours)),
        )


def branch_shares(run: Run, big: Run) -> tuple[float, float]:
    """Return the shares of units that phi_o and phi_oa keep."""
    found = []
    for branch in ("ofe.phi_o.", "ofe.phi_oa."):
        kept, had = (
            sum(n for name, n in each.units.items() if name.startswith(branch))
            for each in (run, big)
        )
        found.append(kept / had)
    return found[0], found[1]


def _branches(task: str, runs: Results) -> Iterator[Verdict]:
    pairs = [branch_shares(run, runs[BIG][0]) for run in runs[PRUNED]]
    o, oa = ([pair[i] for pair in pairs] for i in range(2))
    yield Verdict(
        claim=f"{task}: phi_o is pruned heavily, phi_oa less, but too.",
        whose=whose(task),
        rule=f"in every seed phi_o keeps at most {HEAVY:.0%}, phi_oa more than phi_o, "
        f"and phi_oa loses units; {SINGLE}",
        found=f"phi_o keeps {_range(o)}, phi_oa {_range(oa)}"
        + (": phi_oa loses nothing" if min(oa) == 1 else ""),
        answer=of_every_seed(
            all(a <= HEAVY and a < b < 1 for a, b in pairs), len(pairs)
        ),
    )


def _speed(pace: Mapping[str, Any] | None, found: Found) -> Iterator[Verdict]:
    if pace is None:
        return
    bounds = [row for row in pace["rows"] if row[1].startswith(PRUNED)]
    whole = [float(row[4]) for row in bounds]
    faster, unknown = max(whole) < 100, _unmeasured(bounds, found)
    yield Verdict(
        claim="Pruned networks train faster.",
        whose=Whose.PAPER,
        rule="by the paces below, every whole training takes less time than OFE-Big's; "
        "not decidable if all that were measured do, but some were not measured",
        found=f"{min(whole):.0f} to {max(whole):.0f} % of the time by these paces; "
        f"{min(r[3] for r in bounds):.1f} to {max(r[3] for r in bounds):.1f} times the "
        f"steps per second once units are gone; {len(whole)} trainings measured"
        + (f", not measured: {', '.join(unknown)}" if unknown else ""),
        answer=answer(faster, decidable=not faster or not unknown),
    )


def _unmeasured(bounds: Sequence[Sequence[Any]], found: Found) -> list[str]:
    """Return the finished trainings of Prune-B whose pace was not measured."""
    measured = {(row[0], row[1]) for row in bounds}
    return [
        f"{task}, {label_of(run)}"
        for task, runs in found.items()
        for run in runs.get(PRUNED, ())
        if (task, label_of(run)) not in measured
    ]


def _normalised(found: Found) -> Iterator[Verdict]:
    runs = [run for each in found.values() for some in each.values() for run in some]
    whole = [gap for run in runs for gap in run.gaps]
    late = [gap for run in runs for gap in run.late_gaps]
    if not late:
        return
    yield Verdict(
        claim="Batch normalisation works online (ports of OFENet report divergence).",
        whose=Whose.OURS,
        rule="after the first fifth of training, features computed with running "
        f"statistics differ by at most {GAP:.0%} from those computed with the batch's",
        found=f"by at most {max(late):.0%}; over the whole training by at most "
        f"{max(whole):.0%}",
        answer=answer(max(late) <= GAP),
    )


def _loss(found: Found) -> Iterator[Verdict]:
    runs = found["HalfCheetah-v5"].get(BIG) if "HalfCheetah-v5" in found else None
    if not runs:
        return
    losses = [run.history[-1]["aux_loss"] for run in runs]
    yield Verdict(
        claim="HalfCheetah-v5: the loss is 0.005 (official code of OFENet).",
        whose=Whose.OTHERS,
        rule=f"in every seed at most {LOSS:g} per entry of the observation at the end, "
        "twice that; "
        f"{SINGLE}",
        found=f"{min(losses):.2g} to {max(losses):.2g}",
        answer=of_every_seed(max(losses) <= LOSS, len(losses)),
    )


def _range(values: Sequence[float]) -> str:
    low, high = (f"{value:.0%}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
