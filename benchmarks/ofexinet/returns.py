"""Returns: verdicts about what agents of Guenter & Sideris 2025 return.

Agents are paired by seed. What one seed shows is not shown of every seed, and there is
no share of a return that is not positive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.ofexinet.results import Results, Run, mean_size
from benchmarks.verdicts import (
    Answer,
    Verdict,
    Whose,
    answer,
    interval,
    of_all,
    reaches,
)

BIG, PRUNED = "ofe-big", "prune-b"
KEPT, STEADY, HELPS = 0.95, 0.5, 1.1
SEVERAL, ENOUGH = 2, 3
"""Seeds from which on something is shown of every seed or of means, and seeds from
which on agents from scratch can be beaten."""
SCORES = {"HalfCheetah-v5": (16033, 17299, 16609), "Hopper-v5": (3515, 3699, 3548)}
"""Environment -> scores of Prune-B, OFE-Big and OFE: Table 3."""
POSITIVE = "not decidable of returns that are not positive"
SWINGS = (
    "in some seed OFE-Big's lowest counted evaluation is not positive or below "
    f"{STEADY:.0%} of its highest"
)
ON_AVERAGE = (
    "Prune-B divided by OFE-Big, seed by seed: the 95 % t-interval of the mean of "
    f"these ratios lies at or above {KEPT:.0%} (holds) or below it (does not hold), "
    "for the best counted evaluation and for their mean. Not decidable if an interval "
    f"contains {KEPT:.0%}, if {SWINGS}, or with one seed"
)
IN_EVERY_SEED = (
    f"Prune-B divided by OFE-Big, seed by seed, is at least {KEPT:.0%} in every seed, "
    "for the best counted evaluation and for their mean. Not decidable if "
    f"{SWINGS}, or if the only seed reaches {KEPT:.0%}"
)
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


def averaged(found: Sequence[float]) -> str:
    """Return shares as :func:`listed` does, and the t-interval of their mean."""
    text = listed(found)
    if len(found) == 1 or text == NO_SHARE:
        return text
    low, high = (f"{100 * end:.1f}" for end in interval(found))
    return f"{text.removesuffix(')')}; 95 % interval {low} to {high})"


def whose(task: str) -> Whose:
    """Return who states what the paper says of its environments."""
    return Whose.PAPER if task in SCORES else Whose.OURS


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
        both = of_all([reaches(each, KEPT) for each in (best, mean)])
        yield Verdict(
            claim=f"{_keeps(task)}, on average.",
            whose=whose(task),
            rule=ON_AVERAGE,
            found=f"best {averaged(best)}, mean {averaged(mean)}; {_range(runs)}",
            answer=both if decidable(runs) else Answer.OPEN,
        )


def _in_every_seed(task: str, runs: Results) -> Iterator[Verdict]:
    best, mean = shares(runs, _score), shares(runs, _mean)
    if best:
        judged = _answer(best, min(*best, *mean) >= KEPT)
        yield Verdict(
            claim=f"{_keeps(task)}, in every seed.",
            whose=Whose.OURS,  # The paper's Table 3 has means.
            rule=IN_EVERY_SEED,
            found=f"best {listed(best)}, mean {listed(mean)}; {_range(runs)}",
            answer=judged if decidable(runs) else Answer.OPEN,
        )


def _keeps(task: str) -> str:
    paper = SCORES.get(task)
    said = f" ({paper[0] / paper[1]:.1%})" if paper else ""
    return f"{task}: Prune-B keeps OFE-Big's return{said}"


def _range(runs: Results) -> str:
    late = [value for run in runs[BIG] for value in run.late]
    ends = f"{min(late):,.4g} and {max(late):,.4g}"
    return f"OFE-Big's own counted evaluations lie between {ends}"


def _of_ofe(task: str, runs: Results) -> Iterator[Verdict]:
    found = shares(runs, _score, "ofe")
    if not found:
        return
    paper = SCORES.get(task)
    least = paper[0] / paper[2] if paper else KEPT
    yield Verdict(
        claim=f"{task}: Prune-B keeps {least:.1%} of plain OFE's return.",
        whose=whose(task),
        rule="at least that of its best evaluation, in every seed; not decidable if "
        f"the only seed reaches it; {POSITIVE}",
        found=listed(found),
        answer=_answer(found, min(found) >= least),
    )


def _beside_sac(task: str, runs: Results) -> Iterator[Verdict]:
    found = shares(runs, _score, "sac")
    if not found:
        return
    pairs = runs.pairs(PRUNED, "sac")
    smaller = all(ours.terms["d"] < theirs.terms["d"] for ours, theirs in pairs)
    judged = _answer(found, min(found) >= HELPS) if smaller else Answer.FAILS
    ours, theirs = (mean_size(each, "d") / 1000 for each in zip(*pairs, strict=True))
    yield Verdict(
        claim=f"{task}: Prune-B is deployed smaller than SAC, and returns much more.",
        whose=whose(task),
        rule="Fails if it is not smaller with every seed that both have. If it is: at "
        f"least {HELPS:g} times the best evaluation of SAC in every seed; one seed can "
        f"refute this, not show it; {POSITIVE}",
        found=f"{ours:.1f} k and {theirs:.1f} k parameters; of SAC's return "
        f"{listed(found)}",
        answer=judged,
    )


def _small(task: str, runs: Results) -> Iterator[Verdict]:
    found = shares(runs, _mean, "small-dense")
    if not found:
        return
    yield Verdict(
        claim=f"{task}: pruning does better than the same sizes from scratch. (The "
        "paper's abstract: than smaller networks from scratch.)",
        whose=Whose.OURS,
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
        whose=whose(task),
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


LOST = {Answer.HOLDS: Answer.FAILS, Answer.FAILS: Answer.HOLDS}
"""Whether a return is kept -> whether it is lost."""


def _costs(runs: Results, kept: Kept, claim: str, name: str, how: str) -> Verdict:
    judged = LOST.get(reaches(kept[name], KEPT), Answer.OPEN)
    return Verdict(
        claim=claim,
        whose=Whose.OURS,
        rule=f"the agent that is {how} ({name}) keeps less than {KEPT:.0%} of "
        "OFE-Big's mean, by the 95 % t-interval over the seeds that all have; not "
        f"decidable if it contains {KEPT:.0%}, with one seed, or if OFE-Big swings or "
        "is not positive, as above",
        found=_shown(kept),
        answer=judged if decidable(runs) else Answer.OPEN,
    )


def _shown(kept: Kept) -> str:
    if not all(np.isfinite(each).all() for each in kept.values()):
        return NO_SHARE
    count = len(next(iter(kept.values())))
    shown = ", ".join(f"{name} {np.mean(each):.0%}" for name, each in kept.items())
    return f"{shown} ({'one seed' if count == 1 else f'{count} seeds'})"
