"""Returns: verdicts about what agents of Guenter & Sideris 2025 return.

Agents are paired by seed. What one seed shows is not shown of every seed, and there is
no share of a return that is not positive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.ofexinet.results import Results, Run
from benchmarks.verdicts import Answer, Verdict, answer

BIG, PRUNED = "ofe-big", "prune-b"
KEPT, STEADY, HELPS = 0.95, 0.5, 1.1
SEVERAL, ENOUGH = 2, 3
"""Seeds from which on something is shown of every seed or of means, and seeds from
which on agents from scratch can be beaten."""
SCORES = {"HalfCheetah-v5": (16033, 17299, 16609), "Hopper-v5": (3515, 3699, 3548)}
"""Environment -> scores of Prune-B, OFE-Big and OFE: Table 3."""
POSITIVE = "not decidable of returns that are not positive"
NO_SHARE = "no share of a return that is not positive"


def decidable(runs: Results) -> bool:
    """Tell whether OFE-Big is steady enough in every seed to compare others with it."""
    return all(0 < STEADY * max(run.late) <= min(run.late) for run in runs[BIG])


def share(ours: float, theirs: float) -> float:
    """Return what share of a return ours is; NaN unless theirs is positive."""
    return ours / theirs if theirs > 0 else float("nan")


def shares(runs: Results, of: Callable[[Run], float], other: str = BIG) -> list[float]:
    """Return Prune-B's number divided by another's, of each seed that both have."""
    return [share(of(a), of(b)) for a, b in runs.pairs(PRUNED, other)]


def listed(found: Sequence[float]) -> str:
    """Return the mean of shares, and those of each seed, as text."""
    if not np.isfinite(found).all():
        return NO_SHARE
    each = ", ".join(f"{100 * one:.1f}" for one in found)
    return f"{np.mean(found):.1%} ({each if len(found) > 1 else 'one seed'})"


def of_every_seed(holds: bool, seeds: int, enough: int = SEVERAL) -> Answer:
    """Answer a rule about every seed: one seed refutes it, but does not show it."""
    return answer(holds, decidable=not holds or seeds >= enough)


def _answer(found: Sequence[float], holds: bool, enough: int = SEVERAL) -> Answer:
    if not np.isfinite(found).all():
        return Answer.OPEN
    return of_every_seed(holds, len(found), enough)


def _score(run: Run) -> float:
    return run.score


def _mean(run: Run) -> float:
    return run.mean


def _on_average(task: str, runs: Results) -> Iterator[Verdict]:
    best, mean = shares(runs, _score), shares(runs, _mean)
    if best:
        holds = min(np.mean(best), np.mean(mean)) >= KEPT
        enough = decidable(runs) and len(best) >= SEVERAL
        judged = answer(bool(holds), decidable=enough)
        yield _kept(task, runs, "on average", "with one seed", judged)


def _in_every_seed(task: str, runs: Results) -> Iterator[Verdict]:
    if best := shares(runs, _score):
        every = [*best, *shares(runs, _mean)]
        judged = _answer(best, min(every) >= KEPT)
        judged = judged if decidable(runs) else Answer.OPEN
        single = "with one seed, unless it is less"
        yield _kept(task, runs, "in every seed", single, judged)


def _kept(task: str, runs: Results, how: str, single: str, judged: Answer) -> Verdict:
    late = [value for run in runs[BIG] for value in run.late]
    paper = SCORES.get(task)
    said = f" ({paper[0] / paper[1]:.1%})" if paper else ""
    return Verdict(
        claim=f"{task}: Prune-B keeps OFE-Big's return{said}, {how}.",
        rule=f"{how} at least {KEPT:.0%} of OFE-Big's best evaluation and of its mean; "
        "not decidable if in a seed OFE-Big's lowest evaluation that counts is below "
        f"{STEADY:.0%} of its highest or not positive, or {single}",
        found=f"best {listed(shares(runs, _score))}, mean "
        f"{listed(shares(runs, _mean))}; OFE-Big's own evaluations lie between "
        f"{min(late):,.4g} and {max(late):,.4g}",
        answer=judged,
    )


def _of_ofe(task: str, runs: Results) -> Iterator[Verdict]:
    found = shares(runs, _score, "ofe")
    if not found:
        return
    paper = SCORES.get(task)
    least = paper[0] / paper[2] if paper else KEPT
    yield Verdict(
        claim=f"{task}: Prune-B keeps {least:.1%} of plain OFE's return.",
        rule="at least that of its best evaluation, in every seed; not decidable with "
        f"a single seed, unless it is less; {POSITIVE}",
        found=listed(found),
        answer=_answer(found, min(found) >= least),
    )


def _beside_sac(task: str, runs: Results) -> Iterator[Verdict]:
    found = shares(runs, _score, "sac")
    if not found:
        return
    sizes = [runs.size(name, "d") for name in (PRUNED, "sac")]
    smaller = sizes[0] < sizes[1]
    judged = _answer(found, min(found) >= HELPS) if smaller else Answer.FAILS
    yield Verdict(
        claim=f"{task}: Prune-B is deployed smaller than SAC, and returns much more.",
        rule=f"fewer parameters, and in every seed at least {HELPS:g} times the best "
        "evaluation of SAC with that seed; if it is smaller, not decidable with a "
        f"single seed, unless it returns less than that; {POSITIVE}",
        found=f"{sizes[0] / 1000:.1f} k and {sizes[1] / 1000:.1f} k parameters; "
        f"of SAC's return {listed(found)}",
        answer=judged,
    )


def _small(task: str, runs: Results) -> Iterator[Verdict]:
    found = shares(runs, _mean, "small-dense")
    if not found:
        return
    yield Verdict(
        claim=f"{task}: pruning does better than the same sizes from scratch.",
        rule="in every seed Prune-B's mean is higher; not decidable with fewer than "
        f"three seeds, unless one is lower; {POSITIVE}",
        found=f"{listed(found)} of the small dense net's mean",
        answer=_answer(found, min(found) > 1, ENOUGH),
    )


def _features(task: str, runs: Results) -> Iterator[Verdict]:
    others = {n: runs[n] for n in ("ofe", "sac-big", "sac") if n in runs}
    if not others:
        return
    best = max(run.score for each in others.values() for run in each)
    ours = [run.score for run in runs[BIG]]
    helps = min(ours) >= HELPS * best
    fewest = min(map(len, (ours, *others.values())))
    shown = ", ".join(
        f"{name} {np.mean([r.score for r in each]):,.4g} ({len(each)})"
        for name, each in others.items()
    )
    yield Verdict(
        claim=f"{task}: wide features help.",
        rule=f"OFE-Big's worst seed is at least {HELPS:g} times the best seed of any "
        "other dense agent; not decidable if it is, but an agent has a single seed; "
        f"{POSITIVE}",
        found=f"OFE-Big {min(ours):,.4g} to {max(ours):,.4g} ({len(ours)} seeds); "
        f"{shown}, numbers of seeds in brackets",
        answer=answer(helps, decidable=best > 0 and (not helps or fewest >= SEVERAL)),
    )


Rule = Callable[[str, Results], Iterator[Verdict]]
BESIDE_BIG: tuple[Rule, ...] = (_on_average, _in_every_seed, _of_ofe)
BESIDE: tuple[Rule, ...] = (_beside_sac, _small, _features)
"""The rules, in the order of the page: beside agents with features, beside others."""
RULES = (
    ("Size costs return.", "cut-b", "cut without drawing"),
    ("Drawing costs return.", "drawn-b", "drawn, then opened again"),
)
"""Claims about what costs return, the agent that tells, and what was done to it."""
Kept = Mapping[str, Sequence[float]]
"""Agent -> shares of OFE-Big's mean that it keeps, of the same seeds."""


def costs(runs: Results) -> list[Verdict]:
    """Return what costs return on a shared trunk: drawing, or size, or both.

    The list is empty as long as there is no seed of which all agents are trained.
    """
    names = ("cut-b", "drawn-b", PRUNED, "prune-b-deployed")
    found = {
        name: {a.seed: share(a.mean, b.mean) for a, b in runs.pairs(name, BIG)}
        for name in names
    }
    seeds = sorted(set.intersection(*map(set, found.values())))
    kept = {name: [each[seed] for seed in seeds] for name, each in found.items()}
    return [_costs(runs, kept, *rule) for rule in RULES] if seeds else []


def _costs(runs: Results, kept: Kept, claim: str, name: str, how: str) -> Verdict:
    return Verdict(
        claim=claim,
        rule=f"the agent that is {how} ({name}) keeps less than {KEPT:.0%} of "
        "OFE-Big's mean, on average over the seeds that all have; not decidable with "
        "one seed, or if OFE-Big swings or is not positive, as above",
        found=_shown(kept),
        answer=answer(
            bool(np.mean(kept[name]) < KEPT),
            decidable=decidable(runs) and len(kept[name]) >= SEVERAL,
        ),
    )


def _shown(kept: Kept) -> str:
    if not all(np.isfinite(each).all() for each in kept.values()):
        return NO_SHARE
    count = len(next(iter(kept.values())))
    shown = ", ".join(f"{name} {np.mean(each):.0%}" for name, each in kept.items())
    return f"{shown} ({'one seed' if count == 1 else f'{count} seeds'})"
