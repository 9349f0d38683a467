"""Comparisons: verdicts about distances between units, and projections of agents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.verdicts import Verdict, answer

STEEP = 0.5
"""Layers by which the source must rise per target layer to map layer to layer."""
ENOUGH = 3
"""Values of lambda that are needed to say which is the best."""
Maps = Sequence[Mapping[str, Any]]


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
    errors = {
        f"{pair} {inputs}": _mean(each, "error")
        for (pair, inputs, kind), each in found.items()
        if kind == "linear"
    }
    if len(pairs) > 1:
        best, worst = (
            min(errors, key=errors.__getitem__),
            max(errors, key=errors.__getitem__),
        )
        yield Verdict(
            claim=f"4-2 with balanced inputs maps best ({width} x 6).",
            rule="its mean error is the lowest",
            found=f"{best} has {errors[best]:.3f}, 4-2 {errors['4-2 balanced']:.3f}",
            answer=answer(best == "4-2 balanced"),
        )
        yield Verdict(
            claim=f"2-4 maps worst ({width} x 6).",
            rule="its mean errors are the highest",
            found=f"{worst} has {errors[worst]:.3f}",
            answer=answer(worst.startswith("2-4")),
        )
    for (pair, inputs, kind), each in found.items():
        if kind == "linear" and (inputs == "balanced" or pair == "3-3"):
            yield from _layer_to_layer(pair, each, width)


def _mean(each: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(np.mean([one[key] for one in each]))


def _beats(
    claim: str,
    found: Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]],
    pairs: Sequence[str],
    other: str,
    key: str,
) -> Verdict:
    sign = 1 if key == "error" else -1  # A smaller error and a larger coverage.
    failing = []
    for pair in pairs:
        linear = [
            sign * _mean(each, key)
            for (p, _, kind), each in found.items()
            if p == pair and kind == "linear"
        ]
        theirs = sign * _mean(found[pair, "balanced", other], key)
        if max(linear) >= theirs:
            failing.append(pair)
    return Verdict(
        claim=claim,
        rule="in every pair of arms, with either inputs, by the mean over agents",
        found=f"{len(pairs) - len(failing)} of {len(pairs)} pairs"
        + (f"; not in {', '.join(failing)}" if failing else ""),
        answer=answer(not failing),
    )


def of_lambdas(maps: Maps, width: int) -> Iterator[Verdict]:
    """Judge which lambda tells trained sources from random ones best."""
    errors: dict[tuple[bool, float], list[float]] = defaultdict(list)
    for one in maps:
        three = (one["source"], one["target"], one["width"]) == (3, 3, width)
        if three and one["method"] == "linear" and not one["itself"]:
            errors[one["random"], one["penalty"]].append(one["error"])
    penalties = sorted({p for _, p in errors if (True, p) in errors})
    if len(penalties) < ENOUGH:
        return
    shares = {
        p: np.mean(errors[True, p]) / np.mean(errors[False, p]) for p in penalties
    }
    yield Verdict(
        claim=f"lambda = 50 is the best choice ({width} x 6).",
        rule="the error of random sources, divided by that of trained ones, is the "
        "largest",
        found=", ".join(f"{p:g}: {share:.2f}" for p, share in shares.items()),
        answer=answer(max(shares, key=shares.__getitem__) == 50),
    )


def slope(matrix: np.ndarray) -> float:
    """Return by how many layers the source rises from one target layer to the next.

    It is that of a line through the mean source layer of each target layer: 1 if layers
    map onto themselves, 0 if all target layers map onto the same ones.

    Args:
        matrix: Shares, (source layers, target layers).
    """
    depth = np.arange(len(matrix)) @ matrix / matrix.sum(axis=0)
    return float(np.polyfit(np.arange(matrix.shape[1]), depth, 1)[0])


def _layer_to_layer(
    pair: str, each: Sequence[Mapping[str, Any]], width: int
) -> Iterator[Verdict]:
    with_layers = [one["layers"] for one in each if "layers" in one]
    if not with_layers:
        return
    found = slope(np.mean(with_layers, axis=0))
    source, target = map(int, pair.split("-"))
    close = abs(source - target) <= 1
    yield Verdict(
        claim=f"{pair}, {'close' if close else 'distant'} joint numbers: units map "
        f"{'layer to layer' if close else 'onto the first layers'} ({width} x 6).",
        rule="from one target layer to the next, the mean source layer rises by "
        f"{'at least' if close else 'less than'} {STEEP:g} layers",
        found=f"by {found:.2f}",
        answer=answer((found >= STEEP) == close),
    )
