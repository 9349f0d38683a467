"""Tests for benchmarks/clusters: rules, and that the page follows from the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.clusters import (
    agents,
    comparisons,
    layers,
    page,
    scratch,
)
from benchmarks.clusters.__main__ import MARK, PAGE
from benchmarks.clusters.budget import SMALL
from benchmarks.verdicts import Answer
from sb3_prune.exceptions import JobError


@pytest.mark.slow
def test_the_page_of_method_1_is_made_of_its_results(tmp_path: Path) -> None:
    written = PAGE.read_text().partition(MARK)[2]
    assert written[2:] == page.text(SMALL, tmp_path)


def test_an_agent_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="train the agent anew"):
        agents.load(tmp_path / "3x48-0.zip", 3)


def test_small_nets_are_trained_from_scratch(tmp_path: Path) -> None:
    found = scratch.train(tmp_path, [5, 4, 4, 4, 4, 6], updates=30, seed=0)
    assert found["updates"] == 30 - 20  # The first 20 steps only fill the buffer.
    assert not found["passed"] and 0 <= found["success"] < 0.9


def test_small_nets_have_the_widths_that_pruning_left() -> None:
    chains = list(scratch.small(SMALL))
    assert len(chains) == 45  # Of 50, five do not pass at tau 0.4.
    for case, found in chains:
        job = scratch.job_of(SMALL, case, found)
        assert len(job.arguments["widths"]) == 6 and case.joints == 3
        assert sum(job.arguments["widths"]) < 6 * case.width
        assert job.arguments["updates"] >= max(40_000, found[-1]["gradient_steps"])


def test_slope_tells_layer_to_layer_from_first_layers() -> None:
    assert layers.slope(np.eye(6)) == pytest.approx(1)
    first = np.zeros((6, 6))
    first[:2] = 0.5
    assert layers.slope(first) == pytest.approx(0)
    assert layers.slope(0.3 * np.eye(6)) == pytest.approx(1)


def test_ends_of_a_net_are_compared_with_its_middle() -> None:
    def judged(*means: float) -> Answer:
        one = look(random=1.0, trained=1.0, pruned=1.0)
        one["own"]["trained"]["layers"] = means
        found = comparisons.of_distances(48, [one], "own")
        (ends,) = (v for v in found if "layers of trained" in v.claim)
        return ends.answer

    assert judged(3, 1, 2, 3) is Answer.HOLDS
    assert judged(3, 1, 2, 1.5) is Answer.FAILS


def test_layers_that_are_used_and_that_correspond() -> None:
    def judged(matrix: Any) -> list[Answer]:
        found = layers.of_pair("3-3", [{"layers": matrix}], 48)
        return [v.answer for v in found][1:]

    good = [[0.8, 0.3, 0.2], [0.1, 0.4, 0.1], [0.1, 0.3, 0.7]]
    assert judged(good) == [Answer.HOLDS] * 3
    bad = [[0.3, 0.5, 0.2], [0.4, 0.4, 0.7], [0.3, 0.1, 0.1]]
    assert judged(bad) == [Answer.FAILS] * 3


def look(**means: float) -> dict[str, Any]:
    keys = ("mean", "std", "p95")
    return {
        "own": {
            kind: dict.fromkeys(keys, m) | {"layers": [m] * 3}
            for kind, m in means.items()
        }
    }


def test_one_agent_that_differs_refutes_what_is_said_of_all() -> None:
    same = look(random=3.0, trained=2.0, pruned=1.0)
    other = look(random=1.0, trained=2.0, pruned=1.0)
    claim = "Trained nets have a smaller standard deviation of distances than random"
    for looks, expected in (([same], Answer.HOLDS), ([same, other], Answer.FAILS)):
        found = comparisons.of_distances(48, looks, "own")
        (spread,) = (v for v in found if v.claim.startswith(claim))
        assert spread.answer is expected
    assert list(comparisons.of_distances(48, [same], "shared")) == []


LINEAR = f"Linear maps beat greedy ones {comparisons.OF_ALL}"


def projection(kind: str, error: float, coverage: float) -> dict[str, Any]:
    own = {"source": 2, "target": 4, "width": 48, "penalty": 50, "itself": False}
    return own | {
        "kind": kind,
        "seed": 0,
        "inputs": "balanced",
        "error": error,
        "coverage": coverage,
    }


def test_a_pair_that_fails_is_named() -> None:
    maps = [
        projection("linear", 0.2, 0.8),
        projection("greedy", 0.3, 0.9),
        projection("random source", 0.3, 0.7),
    ]
    found = {v.claim: v for v in comparisons.of_maps(maps, 48)}
    assert found[f"{LINEAR}, by error (48 x 6)."].answer == "holds"
    failing = found[f"{LINEAR}, by coverage (48 x 6)."]
    assert failing.answer is Answer.FAILS
    text = "0 of 1 pairs (not in 2-4), 0 of 1 projections (onto 1 agents)"
    assert failing.found == text


def linear(*pairs: tuple[int, int, str, float], seeds: int = 3) -> list[dict[str, Any]]:
    """Return linear maps of pairs of arms: source, target, inputs and error."""
    return [
        projection("linear", error, 0.8)
        | {"source": source, "target": target, "inputs": inputs, "seed": seed}
        for source, target, inputs, error in pairs
        for seed in range(seeds)
    ]


EVERY = [
    (*arms, inputs, 0.9)
    for arms in ((3, 3), (4, 2), (2, 4))
    for inputs in ("naive", "balanced")
    if arms != (3, 3) or inputs == "naive"
]


def test_maps_without_others_beat_nobody() -> None:
    found = list(comparisons.of_maps(linear(*EVERY), 48))
    compared = [v for v in found if "beat" in v.claim or "separates" in v.claim]
    assert [v.answer for v in compared] == [Answer.OPEN] * 4
    text = "0 of 3 pairs (nothing to compare in 3-3, 4-2, 2-4), 0 of 0 projections"
    assert {v.found for v in compared} == {f"{text} (onto 0 agents)"}
    assert not any(v.answer is Answer.HOLDS or "nan" in v.found for v in found)


def test_means_are_over_the_same_agents() -> None:
    def judged(greedy: list[float]) -> str:
        ours = [*linear((2, 4, "balanced", 0.2), seeds=2)]
        ours[1]["error"] = 0.6
        theirs = [projection("greedy", error, 0.5) for error in greedy]
        for seed, one in enumerate(theirs):
            one["seed"] = seed
        every = {v.claim: v for v in comparisons.of_maps([*ours, *theirs], 48)}
        one = every[f"{LINEAR}, by error (48 x 6)."]
        return f"{one.answer}: {one.found}"

    text = "holds: 1 of 1 pairs, 1 of 1 projections (onto 1 agents)"
    assert judged([0.3]) == text
    assert judged([0.3, 0.4]).startswith("**does not hold**: 0 of 1 pairs (not in 2-4)")


def test_what_no_agent_has_is_not_judged() -> None:
    naive = linear((4, 2, "naive", 0.2), (2, 4, "naive", 0.3))
    found = comparisons.of_maps(naive, 48)
    assert all(v.answer is Answer.OPEN and "nan" not in v.found for v in found)


@pytest.mark.parametrize("balanced", [0.6, 0.1])
def test_the_worst_pair_is_worst_with_either_inputs(balanced: float) -> None:
    maps = linear(
        *((2, 4, "naive", 0.9), (2, 4, "balanced", balanced)),
        *((4, 2, "naive", 0.5), (4, 2, "balanced", 0.4)),
    )
    found = {v.claim: v.answer for v in comparisons.of_maps(maps, 48)}
    expected = Answer.HOLDS if balanced > 0.5 else Answer.FAILS
    assert found["2-4 maps worst (48 x 6)."] is expected


def test_a_pair_without_its_reverse_decides_nothing() -> None:
    pairs = [*EVERY, (4, 3, "naive", 0.1)]
    found = {v.claim: v.answer for v in comparisons.of_maps(linear(*pairs), 48)}
    claim = "More complex agents map better onto less complex ones (48 x 6)."
    assert found[claim] is Answer.OPEN


def test_equal_arms_do_not_compete_with_different_ones() -> None:
    def judged(best: float) -> dict[str, Answer]:
        errors = {(3, 3): 0.1, (2, 4): 0.3, (4, 2): best, (3, 4): 0.2, (4, 3): 0.15}
        maps = [
            projection(kind, error + 0.01 * (inputs == "naive"), 0.5)
            | {"source": pair[0], "target": pair[1], "inputs": inputs}
            for pair, error in errors.items()
            for inputs in ("naive", "balanced")
            for kind in ("linear", "greedy", "random source")
        ]
        found = comparisons.of_maps(maps, 48)
        return {v.claim.partition(" (48")[0]: v.answer for v in found}

    claim = "4-2 with balanced inputs maps best between arms"
    assert judged(0.12)[claim] is Answer.HOLDS
    assert judged(0.16)[claim] is Answer.FAILS
    down = "More complex agents map better onto less complex ones"
    assert judged(0.12)[down] is Answer.HOLDS
    assert judged(0.35)[down] is Answer.FAILS


def test_the_best_lambda_separates_most() -> None:
    def judged(at_five: float) -> Answer:
        maps = [
            {
                **projection("linear", error, 0.5),
                **{"source": 3, "target": 3, "method": "linear"},
                **{"random": random, "penalty": penalty},
            }
            for penalty, random, error in (
                *((5.0, False, 0.1), (5.0, True, at_five)),
                *((50.0, False, 0.1), (50.0, True, 0.2)),
                *((500.0, False, 0.5), (500.0, True, 0.5)),
            )
        ]
        by_error, _ = comparisons.of_lambdas(maps, 48)
        return by_error.answer

    assert judged(0.15) is Answer.HOLDS
    assert judged(0.25) is Answer.FAILS
