"""Verdicts about Guenter & Sideris 2025, judged from the kept results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.ofexinet import returns
from benchmarks.ofexinet.results import Results, Run
from benchmarks.ofexinet.returns import BIG, PRUNED, of_every_seed
from benchmarks.verdicts import Verdict, answer

TWICE, HEAVY, GAP, LOSS, HALF = 2.0, 0.5, 0.25, 0.01, 0.5
SINGLE = "not decidable with a single seed, unless it is refuted by it"
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
    return [*made, *_speed(pace), *_normalised(found), *_loss(found)]


def _size(task: str, runs: Results) -> Iterator[Verdict]:
    if task not in PAPER:
        return
    ours = runs.size(PRUNED, "d") / runs.size(BIG, "d")
    paper = PAPER[task][0] / PAPER[task][1]
    yield Verdict(
        claim=f"{task}: Prune-B is deployed with {paper:.1%} of OFE-Big's parameters.",
        rule="at most twice that share",
        found=f"{ours:.1%}, {ours / paper:.0f} times the paper's share",
        answer=answer(ours <= TWICE * paper),
    )


def _beside_ofe(task: str, runs: Results) -> Iterator[Verdict]:
    paper = f" ({PAPER[task][0]} %)" if task in PAPER else ""
    for part, claim in (
        ("d", f"is deployed with less than half of plain OFE's parameters{paper}"),
        ("t", "has less than half of plain OFE's parameters left to train"),
    ):
        ours = runs.size(PRUNED, part) / runs.size("ofe", part)
        yield Verdict(
            claim=f"{task}: Prune-B {claim}.",
            rule=f"{part}R below {HALF:.0%}",
            found=f"{ours:.0%}",
            answer=answer(ours < HALF),
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
        rule=f"in every seed phi_o keeps at most {HEAVY:.0%}, phi_oa more than phi_o, "
        f"and phi_oa loses units; {SINGLE}",
        found=f"phi_o keeps {_range(o)}, phi_oa {_range(oa)}"
        + (": phi_oa loses nothing" if min(oa) == 1 else ""),
        answer=of_every_seed(
            all(a <= HEAVY and a < b < 1 for a, b in pairs), len(pairs)
        ),
    )


def _speed(pace: Mapping[str, Any] | None) -> Iterator[Verdict]:
    if pace is None:
        return
    bounds = [row for row in pace["rows"] if row[1].startswith(PRUNED)]
    whole = [float(row[4]) for row in bounds]
    yield Verdict(
        claim="Pruned networks train faster.",
        rule="by the paces below, every whole training takes less time than OFE-Big's",
        found=f"{min(whole):.0f} to {max(whole):.0f} % of the time by these paces; "
        f"{min(r[3] for r in bounds):.1f} to {max(r[3] for r in bounds):.1f} times the "
        "steps per second once units are gone",
        answer=answer(max(whole) < 100),
    )


def _normalised(found: Found) -> Iterator[Verdict]:
    gaps = [
        row["feature_gap"]
        for runs in found.values()
        for each in runs.values()
        for run in each
        for row in run.history[len(run.history) // 5 :]
        if "feature_gap" in row
    ]
    if not gaps:
        return
    yield Verdict(
        claim="Batch normalisation works online (ports of OFENet report divergence).",
        rule="after a fifth of training, features with running statistics are never "
        f"more than {GAP:.0%} from those with the batch's",
        found=f"at most {max(gaps):.0%}",
        answer=answer(max(gaps) <= GAP),
    )


def _loss(found: Found) -> Iterator[Verdict]:
    runs = found["HalfCheetah-v5"].get(BIG) if "HalfCheetah-v5" in found else None
    if not runs:
        return
    losses = [run.history[-1]["aux_loss"] for run in runs]
    yield Verdict(
        claim="HalfCheetah-v5: the loss is 0.005 (official code of OFENet).",
        rule=f"at most {LOSS:g} per entry at the end, twice that, in every seed; "
        f"{SINGLE}",
        found=f"{min(losses):.2g} to {max(losses):.2g}",
        answer=of_every_seed(max(losses) <= LOSS, len(losses)),
    )


def _range(values: Sequence[float]) -> str:
    low, high = (f"{value:.0%}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
