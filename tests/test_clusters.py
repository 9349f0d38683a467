"""Tests for benchmarks/clusters: rules, and that the page follows from the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.clusters import agents, comparisons, page, verdicts
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


def rounds(*units: int, passed: bool = True) -> list[dict[str, Any]]:
    """Return the rounds of a chain; the last layer has a unit more than the first."""
    return [
        {
            "units": {"a": size // 2, "b": size - size // 2 + 1},
            "passed": passed,
            "success": 0.9,
            "merged_success": 0.9,
            "gradient_steps": 0,
            "fresh_success": 0.9,
        }
        for size in units
    ]


def test_sizes_of_the_first_step_are_compared() -> None:
    claim = "Nets of 128, 256 and 512 reach one size in the first step (tau 0.2)."

    def judged(*sizes: int) -> Answer:
        groups = {
            (3, width, "layer", 0.2, 3): [rounds(999, size, size, size)]
            for width, size in zip((128, 256, 512), sizes, strict=False)
        }
        (found,) = (v for v in verdicts.of_rounds(groups) if v.claim == claim)
        return found.answer

    assert judged(100, 105, 109) is Answer.HOLDS
    assert judged(100, 105, 120) is Answer.FAILS
    assert judged(100, 105) is Answer.OPEN
    assert judged(100, 120) is Answer.FAILS


def test_a_chain_that_does_not_pass_fails_the_claim() -> None:
    claim = "Pruned agents still pass (tau 0.2)."
    good, bad = rounds(9, 8, 7, 6), rounds(9, 8, passed=False)
    for runs, expected in (([good], Answer.HOLDS), ([good, bad], Answer.FAILS)):
        groups = {(3, 48, "layer", 0.2, 3): runs}
        (found,) = (v for v in verdicts.of_rounds(groups) if v.claim == claim)
        assert found.answer is expected


def test_slope_tells_layer_to_layer_from_first_layers() -> None:
    assert comparisons.slope(np.eye(6)) == pytest.approx(1)
    first = np.zeros((6, 6))
    first[:2] = 0.5
    assert comparisons.slope(first) == pytest.approx(0)
    assert comparisons.slope(0.3 * np.eye(6)) == pytest.approx(1)


def look(**means: float) -> dict[str, Any]:
    return {"own": {kind: {"mean": m, "std": m} for kind, m in means.items()}}


def test_one_agent_that_differs_refutes_what_is_said_of_all() -> None:
    same = look(random=3.0, trained=2.0, pruned=1.0)
    other = look(random=1.0, trained=2.0, pruned=1.0)
    claim = "Trained nets have a lower spread than random ones"
    for looks, expected in (([same], Answer.HOLDS), ([same, other], Answer.FAILS)):
        found = comparisons.of_distances(48, looks, "own")
        (spread,) = (v for v in found if v.claim.startswith(claim))
        assert spread.answer is expected
    assert list(comparisons.of_distances(48, [same], "shared")) == []


def projection(kind: str, error: float, coverage: float) -> dict[str, Any]:
    own = {"source": 2, "target": 4, "width": 48, "penalty": 50, "itself": False}
    inputs = "naive" if kind == "linear" else "balanced"
    return own | {
        "kind": kind,
        "inputs": inputs,
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
    assert found["Linear maps beat greedy ones, by error (48 x 6)."].answer == "holds"
    failing = found["Linear maps beat greedy ones, by coverage (48 x 6)."]
    assert failing.answer is Answer.FAILS and "2-4" in failing.found


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
        (found,) = comparisons.of_lambdas(maps, 48)
        return found.answer

    assert judged(0.15) is Answer.HOLDS
    assert judged(0.25) is Answer.FAILS
