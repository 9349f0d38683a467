"""Verdicts about Guenter & Sideris 2025, judged from the kept results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.ofexinet.results import Results, Run
from benchmarks.verdicts import Verdict, answer

BIG, PRUNED = "ofe-big", "prune-b"
KEPT, STEADY, TWICE, HELPS = 0.95, 0.5, 2.0, 1.1
HEAVY, GAP, LOSS, HALF = 0.5, 0.25, 0.01, 0.5
ENOUGH = 3
"""Seeds from which on agents from scratch can be beaten."""
PAPER = {"HalfCheetah-v5": (16, 739), "Hopper-v5": (10, 665)}
"""Environment -> deployed size of Prune-B and of OFE-Big in % of OFE's: Table 3."""
SCORES = {"HalfCheetah-v5": (16033, 17299, 16609), "Hopper-v5": (3515, 3699, 3548)}
"""Environment -> scores of Prune-B, OFE-Big and OFE: Table 3."""
Found = Mapping[str, Results]


def verdicts(found: Found, pace: Mapping[str, Any] | None) -> list[Verdict]:
    """Return all verdicts.

    Args:
        found: Environment -> results.
        pace: The table of steps per second, if it was measured.
    """
    both = {t: r for t, r in found.items() if {BIG, PRUNED} <= r.keys()}
    made: list[Verdict] = []
    rules = (_average, _every, _of_ofe, _size, _beside_ofe, _beside_sac, _small)
    for rule in (*rules, _features, _branches):
        made += [v for task, runs in both.items() for v in rule(task, runs)]
    return [*made, *_speed(pace), *_normalised(found), *_loss(found)]


def decidable(runs: Results) -> bool:
    """Tell whether OFE-Big is steady enough in every seed to compare others with it."""
    return all(min(run.late) >= STEADY * max(run.late) for run in runs[BIG])


def shares(runs: Results, of: Callable[[Run], float]) -> list[float]:
    """Return Prune-B's number divided by OFE-Big's, of each seed that both have."""
    return [of(ours) / of(theirs) for ours, theirs in runs.pairs(PRUNED, BIG)]


def _average(task: str, runs: Results) -> Iterator[Verdict]:
    yield _kept(task, runs, "on average", lambda found: float(np.mean(found)))


def _every(task: str, runs: Results) -> Iterator[Verdict]:
    yield _kept(task, runs, "in every seed", min)


def _kept(
    task: str, runs: Results, how: str, of: Callable[[list[float]], float]
) -> Verdict:
    best = shares(runs, lambda run: run.score)
    mean = shares(runs, lambda run: run.mean)
    late = [value for run in runs[BIG] for value in run.late]
    paper = SCORES.get(task)
    share = f" ({paper[0] / paper[1]:.1%})" if paper else ""
    return Verdict(
        claim=f"{task}: Prune-B keeps OFE-Big's return{share}, {how}.",
        rule=f"{how} at least {KEPT:.0%} of OFE-Big's best evaluation and of its mean; "
        "not decidable if in a seed OFE-Big's lowest evaluation that counts is below "
        f"{STEADY:.0%} of its highest",
        found=f"best {_listed(best)}, mean {_listed(mean)}; OFE-Big's own evaluations "
        f"lie between {min(late):,.4g} and {max(late):,.4g}",
        answer=answer(min(of(best), of(mean)) >= KEPT, decidable=decidable(runs)),
    )


def _of_ofe(task: str, runs: Results) -> Iterator[Verdict]:
    pairs = runs.pairs(PRUNED, "ofe")
    if not pairs:
        return
    shares = [ours.score / theirs.score for ours, theirs in pairs]
    paper = SCORES.get(task)
    least = paper[0] / paper[2] if paper else KEPT
    yield Verdict(
        claim=f"{task}: Prune-B keeps {least:.1%} of plain OFE's return.",
        rule="at least that of its best evaluation, in every seed; not decidable with "
        "a single seed, unless it is less",
        found=_listed(shares),
        answer=answer(
            min(shares) >= least, decidable=min(shares) < least or len(shares) > 1
        ),
    )


def _listed(found: Sequence[float]) -> str:
    each = ", ".join(f"{100 * share:.1f}" for share in found)
    return f"{np.mean(found):.1%} ({each})"


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


def _beside_sac(task: str, runs: Results) -> Iterator[Verdict]:
    if "sac" not in runs:
        return
    sizes = [runs.size(name, "d") for name in (PRUNED, "sac")]
    ours, theirs = ([run.score for run in runs[name]] for name in (PRUNED, "sac"))
    yield Verdict(
        claim=f"{task}: Prune-B is deployed smaller than SAC, and returns much more.",
        rule=f"fewer parameters, and its worst seed has at least {HELPS:g} times the "
        "return of SAC's best",
        found=f"{sizes[0] / 1000:.1f} k and {sizes[1] / 1000:.1f} k parameters; "
        f"{min(ours):,.4g} and {max(theirs):,.4g}",
        answer=answer(sizes[0] < sizes[1] and min(ours) >= HELPS * max(theirs)),
    )


def _small(task: str, runs: Results) -> Iterator[Verdict]:
    pairs = runs.pairs(PRUNED, "small-dense")
    if not pairs:
        return
    shares = [ours.mean / theirs.mean for ours, theirs in pairs]
    yield Verdict(
        claim=f"{task}: pruning does better than the same sizes from scratch.",
        rule="in every seed Prune-B's mean is higher; not decidable with fewer than "
        "three seeds, unless one is lower",
        found=f"{_listed(shares)} of the small dense net's mean",
        answer=answer(
            min(shares) > 1, decidable=min(shares) <= 1 or len(shares) >= ENOUGH
        ),
    )


def _features(task: str, runs: Results) -> Iterator[Verdict]:
    others = {n: runs[n] for n in ("ofe", "sac-big", "sac") if n in runs}
    if not others:
        return
    best = max(run.score for each in others.values() for run in each)
    ours = [run.score for run in runs[BIG]]
    helps = min(ours) >= HELPS * best
    listed = ", ".join(
        f"{name} {np.mean([r.score for r in each]):,.4g} ({len(each)})"
        for name, each in others.items()
    )
    yield Verdict(
        claim=f"{task}: wide features help.",
        rule=f"OFE-Big's worst seed is at least {HELPS:g} times the best seed of any "
        "other dense agent; not decidable if it is, but one has a single seed",
        found=f"OFE-Big {min(ours):,.4g} to {max(ours):,.4g} ({len(ours)} seeds); "
        f"{listed}, numbers of seeds in brackets",
        answer=answer(helps, decidable=not helps or min(map(len, others.values())) > 1),
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
        "and phi_oa loses units",
        found=f"phi_o keeps {_range(o)}, phi_oa {_range(oa)}"
        + (": phi_oa loses nothing" if min(oa) == 1 else ""),
        answer=answer(all(a <= HEAVY and a < b < 1 for a, b in pairs)),
    )


def costs(runs: Results) -> list[Verdict]:
    """Return what costs return on a shared trunk: drawing, or size, or both.

    The list is empty as long as one of the agents is not trained.
    """
    names = ("cut-b", "drawn-b", PRUNED, "prune-b-deployed")
    if not {BIG, *names} <= runs.keys():
        return []
    big = np.mean([run.mean for run in runs[BIG]])
    kept = {n: float(np.mean([run.mean for run in runs[n]]) / big) for n in names}
    listed = ", ".join(f"{name} {share:.0%}" for name, share in kept.items())
    rules = {
        "Size costs return.": ("cut-b", "cut without drawing"),
        "Drawing costs return.": ("drawn-b", "drawn, then opened again"),
    }
    return [
        Verdict(
            claim=claim,
            rule=f"the agent that is {how} ({name}) keeps less than {KEPT:.0%} of "
            "OFE-Big's mean; not decidable as above",
            found=listed,
            answer=answer(kept[name] < KEPT, decidable=decidable(runs)),
        )
        for claim, (name, how) in rules.items()
    ]


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
        rule=f"at most {LOSS:g} per entry at the end, twice that, in every seed",
        found=f"{min(losses):.2g} to {max(losses):.2g}",
        answer=answer(max(losses) <= LOSS),
    )


def _range(values: Sequence[float]) -> str:
    low, high = (f"{value:.0%}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
