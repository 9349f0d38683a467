"""Comparisons: verdicts about distances between units, and projections of agents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.clusters import layers
from benchmarks.verdicts import Verdict, answer

ENOUGH = 3
"""Values of lambda that are needed to say which is the best."""
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
        ("Pruned nets have a sharper bell than trained ones", "std", "trained"),
        ("Pruned nets have lower outliers (95 %) than trained ones", "p95", "trained"),
        ("Trained nets have a lower mean distance than random ones", "mean", "random"),
        ("Trained nets have a lower spread than random ones", "std", "random"),
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
        ("Linear maps beat greedy ones", "greedy", "error"),
        ("Linear maps beat greedy ones", "greedy", "coverage"),
    )
    for claim, other, key in rules:
        yield _beats(f"{claim}, by {key} ({width} x 6).", found, pairs, other, key)
    yield from _by_joints(found, width)
    for (pair, inputs, kind), each in found.items():
        if kind == "linear" and (inputs == "balanced" or pair == "3-3"):
            yield from layers.of_pair(pair, each, width)


def _mean(each: Maps, key: str) -> float:
    return float(np.mean([one[key] for one in each]))


def _by_joints(found: Found, width: int) -> Iterator[Verdict]:
    """Judge which pairs of different arms map best; 3-3 is the paper's base line."""
    errors = {
        f"{pair} {inputs}": _mean(each, "error")
        for (pair, inputs, kind), each in found.items()
        if kind == "linear" and pair != "3-3"
    }
    if not {"4-2 balanced", "4-2 naive", "2-4 balanced"} <= errors.keys():
        return
    low, high = (pick(errors, key=errors.__getitem__) for pick in (min, max))
    yield Verdict(
        claim=f"4-2 with balanced inputs maps best between arms ({width} x 6).",
        rule="its mean error is the lowest of all pairs of different arms",
        found=f"{low} has {errors[low]:.3f}, 4-2 {errors['4-2 balanced']:.3f}",
        answer=answer(low == "4-2 balanced"),
    )
    yield Verdict(
        claim=f"2-4 maps worst ({width} x 6).",
        rule="its mean errors are the highest",
        found=f"{high} has {errors[high]:.3f}",
        answer=answer(high.startswith("2-4")),
    )
    yield Verdict(
        claim=f"Balanced inputs outperform naive ones in 4-2 ({width} x 6).",
        rule="by the mean error",
        found=f"{errors['4-2 balanced']:.3f} and {errors['4-2 naive']:.3f}",
        answer=answer(errors["4-2 balanced"] < errors["4-2 naive"]),
    )
    down = {name: errors[name] for name in errors if name[0] > name[2]}
    worse = [n for n in down if down[n] >= errors[f"{n[2]}-{n[0]}{n[3:]}"]]
    yield Verdict(
        claim=f"More complex agents map better onto less complex ones ({width} x 6).",
        rule="than these onto them, in every pair, with either inputs, by the mean "
        "error",
        found=f"{len(down) - len(worse)} of {len(down)}",
        answer=answer(not worse),
    )


def _beats(
    claim: str,
    found: Found,
    pairs: Sequence[str],
    other: str,
    key: str,
) -> Verdict:
    sign = 1 if key == "error" else -1  # A smaller error and a larger coverage.
    failing, wins, count = [], 0, 0
    for pair in pairs:
        inputs = "naive" if pair == "3-3" else "balanced"  # The same between equals.
        ours = {o["seed"]: sign * o[key] for o in found[pair, inputs, "linear"]}
        theirs = {o["seed"]: sign * o[key] for o in found[pair, "balanced", other]}
        wins += sum(ours[seed] < theirs[seed] for seed in theirs)
        count += len(theirs)
        if np.mean(list(ours.values())) >= np.mean(list(theirs.values())):
            failing.append(pair)
    return Verdict(
        claim=claim,
        rule="in every pair of arms, with balanced inputs, by the mean over agents",
        found=f"{len(pairs) - len(failing)} of {len(pairs)} pairs"
        + (f" (not in {', '.join(failing)})" if failing else "")
        + f", {wins} of {count} agents",
        answer=answer(not failing),
    )


def of_lambdas(maps: Maps, width: int) -> Iterator[Verdict]:
    """Judge which lambda tells trained sources from random ones best."""
    found: dict[tuple[bool, float], list[Mapping[str, Any]]] = defaultdict(list)
    for one in maps:
        three = (one["source"], one["target"], one["width"]) == (3, 3, width)
        if three and one["method"] == "linear" and not one["itself"]:
            found[one["random"], one["penalty"]].append(one)
    penalties = sorted({p for _, p in found if (True, p) in found})
    if len(penalties) < ENOUGH:
        return
    for key in ("error", "coverage"):
        gaps = np.array(
            [_gaps(found[True, p], found[False, p], key) for p in penalties]
        )
        means, best = gaps.mean(axis=1), gaps.argmax(axis=0)
        wins = sum(penalties[place] == 50 for place in best)
        listed = zip(penalties, means, strict=True)
        yield Verdict(
            claim=f"lambda = 50 is the best choice, by {key} ({width} x 6).",
            rule=f"the gap in {key} between random and trained sources is the largest, "
            "by the mean over agents",
            found=", ".join(f"{p:g}: {gap:.3f}" for p, gap in listed)
            + f"; in {wins} of {len(best)} agents",
            answer=answer(penalties[means.argmax()] == 50),
        )


def _gaps(random: Maps, trained: Maps, key: str) -> list[float]:
    """Return by how much trained sources are better, for every target agent."""
    sign = 1 if key == "error" else -1
    theirs = {one["seed"]: one[key] for one in random}
    return [sign * (theirs[one["seed"]] - one[key]) for one in trained]
