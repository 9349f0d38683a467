"""Comparisons: verdicts about distances between units, and projections of agents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from benchmarks.clusters import layers
from benchmarks.verdicts import Verdict, Whose, answer

ENOUGH = 3
"""Values of lambda that are needed to say which is the best."""
NARROW = "a smaller standard deviation of distances"
LOWER = "a lower 95th percentile of distances"
OF_ALL = "between all arms (the paper: of three joints)"
Maps = Sequence[Mapping[str, Any]]
Found = Mapping[tuple[str, str, str], Maps]
"""(source-target, inputs, kind) -> projections of every agent."""


def of_distances(
    width: int, looks: Sequence[Mapping[str, Mapping[str, Any]]], inputs: str
) -> Iterator[Verdict]:
    """Judge the distances of all agents of a width, pair by pair of agents."""
    seen = [look[inputs] for look in looks if inputs in look]
    if not seen:
        return
    where = f"{width} x 6, {inputs} observations"
    pairs = (
        ("Pruned nets have a higher mean distance than trained ones", "mean", "pruned"),
        (f"Pruned nets have {NARROW} than trained ones", "std", "trained"),
        (f"Pruned nets have {LOWER} than trained ones", "p95", "trained"),
        ("Trained nets have a lower mean distance than random ones", "mean", "random"),
        (f"Trained nets have {NARROW} than random ones", "std", "random"),
    )
    for claim, key, higher in pairs:
        lower = "pruned" if higher == "trained" else "trained"
        count = sum(each[lower][key] < each[higher][key] for each in seen)
        means = [
            f"{kind} {np.mean([each[kind][key] for each in seen]):.2f}"
            for kind in (lower, higher)
        ]
        yield Verdict(
            claim=f"{claim} ({where}).",
            whose=Whose.PAPER,
            rule="in every agent",
            found=f"{count} of {len(seen)} agents; means: {', '.join(means)}",
            answer=answer(count == len(seen)),
        )
    for kind in ("trained", "pruned"):
        yield _ends(kind, where, [each[kind]["layers"] for each in seen])


def _ends(kind: str, where: str, every: Sequence[Sequence[float]]) -> Verdict:
    """Judge whether the first and the last layer are more distinct than the others."""
    ends = [min(each[0], each[-1]) > np.mean(each[1:-1]) for each in every]
    means = np.mean(every, axis=0)
    inner = np.mean(means[1:-1])
    return Verdict(
        claim=f"First and last layers of {kind} nets have larger distances than the "
        f"inner ones ({where}).",
        whose=Whose.PAPER,
        rule="in every agent both means are above that of the inner layers",
        found=f"{sum(ends)} of {len(ends)} agents; means: {means[0]:.2f}, "
        f"{means[-1]:.2f}, inner {inner:.2f}",
        answer=answer(all(ends)),
    )


def of_maps(maps: Maps, width: int) -> Iterator[Verdict]:
    """Judge the projections between agents of a width, with lambda = 50."""
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in maps:
        if one["width"] == width and one["penalty"] == 50 and not one["itself"]:
            pair = f"{one['source']}-{one['target']}"
            found[pair, one["inputs"], one["kind"]].append(one)
    pairs = list(dict.fromkeys(pair for pair, _, _ in found))
    if not pairs:
        return
    rules = (
        ("lambda = 50 separates trained from random sources", "random source", "error"),
        (
            "lambda = 50 separates trained from random sources",
            "random source",
            "coverage",
        ),
        (f"Linear maps beat greedy ones {OF_ALL}", "greedy", "error"),
        (f"Linear maps beat greedy ones {OF_ALL}", "greedy", "coverage"),
    )
    for claim, other, key in rules:
        yield _beats(f"{claim}, by {key} ({width} x 6).", found, pairs, other, key)
    yield from _by_joints(found, width)
    for (pair, inputs, kind), each in found.items():
        if kind == "linear" and (inputs == "balanced" or pair == "3-3"):
            yield from layers.of_pair(pair, each, width)


def _by_seed(maps: Maps, key: str) -> dict[int, float]:
    return {one["seed"]: float(one[key]) for one in maps}


def _errors(found: Found) -> dict[str, float]:
    """Return the mean error of pairs of different arms, over seeds that all have.

    3-3 is the paper's base line.
    """
    every = {
        f"{pair} {inputs}": _by_seed(each, "error")
        for (pair, inputs, kind), each in found.items()
        if kind == "linear" and pair != "3-3"
    }
    seeds = set.intersection(*map(set, every.values())) if every else set()
    if not seeds:
        return {}
    return {n: float(np.mean([each[s] for s in seeds])) for n, each in every.items()}


def _by_joints(found: Found, width: int) -> Iterator[Verdict]:
    """Judge which pairs of different arms map best."""
    errors = _errors(found)
    if not {"4-2 balanced", "4-2 naive", "2-4 balanced", "2-4 naive"} <= errors.keys():
        return
    yield _best(errors, width)
    yield _worst(errors, width)
    yield Verdict(
        claim=f"Balanced inputs outperform naive ones in 4-2 ({width} x 6).",
        whose=Whose.PAPER,
        rule="by the mean error",
        found=f"{errors['4-2 balanced']:.3f} and {errors['4-2 naive']:.3f}",
        answer=answer(errors["4-2 balanced"] < errors["4-2 naive"]),
    )
    yield _downwards(errors, width)


def _best(errors: Mapping[str, float], width: int) -> Verdict:
    ours, low = errors["4-2 balanced"], min(errors, key=errors.__getitem__)
    return Verdict(
        claim=f"4-2 with balanced inputs maps best between arms ({width} x 6).",
        whose=Whose.PAPER,
        rule="its mean error is the lowest of all pairs of different arms",
        found=f"{low} has {errors[low]:.3f}, 4-2 {ours:.3f}",
        answer=answer(all(ours < e for n, e in errors.items() if n != "4-2 balanced")),
    )


def _worst(errors: Mapping[str, float], width: int) -> Verdict:
    ours = {n: error for n, error in errors.items() if n.startswith("2-4")}
    others = {n: error for n, error in errors.items() if n not in ours}
    high = max(others, key=others.__getitem__)
    listed = ", ".join(f"{name} has {error:.3f}" for name, error in ours.items())
    return Verdict(
        claim=f"2-4 maps worst ({width} x 6).",
        whose=Whose.PAPER,
        rule="its mean errors, with naive and with balanced inputs, are both above "
        "those of all other pairs of different arms, with either inputs",
        found=f"{listed}; of the others {high} has most, {others[high]:.3f}",
        answer=answer(min(ours.values()) > others[high]),
    )


def _downwards(errors: Mapping[str, float], width: int) -> Verdict:
    """Judge whether agents of more joints map better onto those of fewer."""
    down = {n: f"{n[2]}-{n[0]}{n[3:]}" for n in errors if n[0] > n[2]}
    both = {name: back for name, back in down.items() if back in errors}
    better = sum(errors[name] < errors[back] for name, back in both.items())
    return Verdict(
        claim=f"More complex agents map better onto less complex ones ({width} x 6).",
        whose=Whose.PAPER,
        rule="in every pair of arms and with either inputs, the mean error from more "
        "joints to fewer is below that of the way back",
        found=f"{better} of {len(down)}",
        answer=answer(better == len(down), decidable=len(both) == len(down)),
    )


def _beats(
    claim: str,
    found: Found,
    pairs: Sequence[str],
    other: str,
    key: str,
) -> Verdict:
    gains = {pair: _gains(found, pair, other, key) for pair in pairs}
    missing = [pair for pair, each in gains.items() if not each]
    failing = [pair for pair, each in gains.items() if each and _mean(each) <= 0]
    every = [gain for each in gains.values() for gain in each.values()]
    onto = {(pair[2:], seed) for pair, each in gains.items() for seed in each}
    return Verdict(
        claim=claim,
        whose=Whose.OURS if OF_ALL in claim else Whose.PAPER,
        rule="in every pair of arms, with balanced inputs, by the mean over "
        "projections; not decidable as long as a pair has no agent with both",
        found=f"{len(pairs) - len(failing) - len(missing)} of {len(pairs)} pairs"
        + (f" (not in {', '.join(failing)})" if failing else "")
        + (f" (nothing to compare in {', '.join(missing)})" if missing else "")
        + f", {sum(gain > 0 for gain in every)} of {len(every)} projections "
        f"(onto {len(onto)} agents)",
        answer=answer(not failing, decidable=not missing),
    )


def _mean(gains: Mapping[int, float]) -> float:
    return float(np.mean(list(gains.values())))


def _gains(found: Found, pair: str, other: str, key: str) -> dict[int, float]:
    """Return by how much linear maps onto an agent are better, by the agent's seed."""
    inputs = "naive" if pair == "3-3" else "balanced"  # The same between equals.
    ours = _by_seed(found.get((pair, inputs, "linear"), ()), key)
    theirs = _by_seed(found.get((pair, "balanced", other), ()), key)
    return _better(ours, theirs, key)


def _better(
    ours: Mapping[int, float], theirs: Mapping[int, float], key: str
) -> dict[int, float]:
    """Return by how much ours is better, for every seed that both have."""
    sign = 1 if key == "error" else -1  # A smaller error and a larger coverage.
    both = [seed for seed in theirs if seed in ours]
    return {seed: sign * (theirs[seed] - ours[seed]) for seed in both}


def of_lambdas(maps: Maps, width: int) -> Iterator[Verdict]:
    """Judge which lambda tells trained sources from random ones best."""
    found: dict[tuple[bool, float], list[Mapping[str, Any]]] = defaultdict(list)
    for one in maps:
        three = (one["source"], one["target"], one["width"]) == (3, 3, width)
        if three and one["method"] == "linear" and not one["itself"]:
            found[one["random"], one["penalty"]].append(one)
    penalties = sorted({p for random, p in found if random and (False, p) in found})
    if len(penalties) < ENOUGH:
        return
    for key in ("error", "coverage"):
        gaps = np.array(_gaps(found, penalties, key))
        if not gaps.size:
            continue
        means, best = gaps.mean(axis=1), gaps.argmax(axis=0)
        wins = sum(penalties[place] == 50 for place in best)
        listed = zip(penalties, means, strict=True)
        yield Verdict(
            claim=f"lambda = 50 is the best choice, by {key} ({width} x 6).",
            whose=Whose.PAPER,
            rule=f"the gap in {key} between random and trained sources is the largest, "
            "by the mean over agents",
            found=", ".join(f"{p:g}: {gap:.3f}" for p, gap in listed)
            + f"; in {wins} of {len(best)} agents",
            answer=answer(penalties[means.argmax()] == 50),
        )


def _gaps(
    found: Mapping[tuple[bool, float], Maps], penalties: Sequence[float], key: str
) -> list[list[float]]:
    """Return by how much trained sources are better, by lambda and target agent.

    Only agents are compared that have all values of lambda.
    """
    every = {
        pair: _by_seed(found[pair], key) for pair in product((True, False), penalties)
    }
    seeds = set.intersection(*map(set, every.values()))
    alike = {pair: {s: each[s] for s in sorted(seeds)} for pair, each in every.items()}
    gaps = [_better(alike[False, p], alike[True, p], key) for p in penalties]
    return [list(each.values()) for each in gaps]
