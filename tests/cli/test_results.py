"""Tests for cli/results.py."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from zoo import trained

import sb3_prune as sp
from sb3_prune.cli.callbacks import Outcome
from sb3_prune.cli.results import Results, measure
from sb3_prune.evaluation.complexity import complexity
from sb3_prune.evaluation.episodes import Evaluation
from sb3_prune.runs.folder import RunFolder

WEIGHTS = 100


def outcome(value: float, success: float | None = None) -> Evaluation:
    return Evaluation(
        episodes=1,
        mean_return=value,
        std_return=0,
        interval=(value, value),
        mean_length=9,
        success=success,
    )


def at(steps: int, units: int, value: float, success: float | None = None) -> Outcome:
    result = outcome(value, success)
    return Outcome(timesteps=steps, units={"a": units}, weights=WEIGHTS, result=result)


TESTS = [at(0, 8, 1), at(10, 8, 2), at(20, 4, 3), at(30, 4, 4)]
CUTS = [{"timesteps": n, "units": {"a": u}} for n, u in ((0, 8), (15, 4), (30, 4))]


def make_results(**changes: Any) -> Results:
    size = replace(measure(trained("SAC")), weights=WEIGHTS)
    known: dict[str, Any] = {
        "fresh": True,
        "seconds": 1.5,
        "before": size,
        "after": size,
        "widths": CUTS,
        "tests": TESTS,
        "plain_load_equal": True,
        "plain_problem": None,
    }
    return Results(**(known | changes))


def test_a_measurement_counts() -> None:
    model = trained("SAC")
    size = measure(model)
    assert size.widths == sp.wire(model.policy).active_units()
    assert size.complexity == complexity(model)
    assert size.latency_us > 0
    assert size.to_dict()["params_deploy"] == size.complexity.params_deploy
    assert f"{size.complexity.params_deploy:,} to act" in "\n".join(size.lines())


def test_the_first_cut() -> None:
    assert make_results().first_cut == 15
    assert make_results(widths=CUTS[1:]).first_cut is None


def test_masked_weights_are_a_cut_though_no_unit_is_gone() -> None:
    entries = [{"timesteps": n, "units": {"a": 8}} for n in (0, 15, 30)]
    tests = [*TESTS[:2], replace(at(20, 8, 3), weights=60)]
    results = make_results(widths=entries, tests=tests)
    assert results.first_cut == 15
    assert results.tested_before == tests[1].result


def test_weights_that_were_masked_at_once() -> None:
    size = replace(measure(trained("SAC")), weights=60)
    tests = [at(0, 8, 1), replace(at(0, 8, 3), weights=60)]
    entries = [{"timesteps": 0, "units": {"a": 8}}] * 2
    results = make_results(widths=entries, tests=tests, after=size)
    assert (results.first_cut, results.tested_before) == (0, tests[0].result)


def test_a_fresh_agent_was_best_right_before_the_first_cut() -> None:
    before = make_results().tested_before
    assert before is not None
    assert before.mean_return == 2


def test_a_test_right_after_the_cut_is_not_before_it() -> None:
    tests = [at(0, 8, 1), at(15, 8, 2), at(15, 4, 3), at(30, 8, 4)]
    before = make_results(tests=tests).tested_before
    assert before is not None
    assert before.mean_return == 2
    assert make_results(tests=tests[2:]).tested_before is None


def test_a_trained_agent_was_what_it_came_as() -> None:
    before = make_results(fresh=False).tested_before
    assert before is not None
    assert before.mean_return == 1


def test_what_is_not_known_is_none() -> None:
    nothing = make_results(tests=[])
    assert (nothing.tested_before, nothing.tested_after) == (None, None)
    assert make_results(widths=CUTS[1:]).tested_before is None
    assert nothing.to_dict()["test"] == {"before": None, "after": None}


@pytest.mark.slow
@pytest.mark.parametrize("tests", [TESTS, [at(0, 8, 1, 0.5)], []])
def test_files(tmp_path: Path, tests: Any) -> None:
    folder = RunFolder.create(tmp_path / "run")
    results = make_results(tests=tests)
    results.write(folder)
    names = {"widths.png", "summary.json"} | ({"learning.png"} if tests else set())
    assert {file.name for file in folder.path.iterdir()} == names
    summary = json.loads((folder.path / "summary.json").read_text())
    assert summary == json.loads(json.dumps(results.to_dict()))
    assert (summary["timesteps"], summary["sparsity"]) == (30, 0)


@pytest.mark.parametrize(
    ("equal", "problem", "text"),
    [
        (True, None, "actions equal"),
        (False, None, "ACTIONS DIFFER"),
        (None, None, "not verified"),
        (None, "too wide", "cannot be used: too wide"),
    ],
)
def test_lines(equal: bool | None, problem: str | None, text: str) -> None:
    lines = make_results(plain_load_equal=equal, plain_problem=problem).lines()
    assert text in lines[-1]
    assert "(0.0% gone)" in lines[0]
    assert any("test before        2 ± 0" in line for line in lines)


def test_masked_weights_are_told() -> None:
    whole = make_results()
    assert "weights to act" not in "\n".join(whole.lines())
    size = replace(whole.after.complexity, weights_deploy=7, sparse_flops_deploy=1)
    masked = make_results(after=replace(whole.after, complexity=size))
    (line,) = [line for line in masked.lines() if line.startswith("weights to act")]
    assert line.endswith("-> 7")


@pytest.mark.parametrize("known", [[None, 1.0], [1.0, 0.5], [None, None]])
def test_success_is_drawn_if_all_tests_tell_it(
    known: list[float | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []

    def plot(path: Path, steps: list[int], values: list[float], **more: Any) -> None:
        assert len(steps) == len(values)
        drawn.append((values, more["ylabel"]))

    monkeypatch.setattr("sb3_prune.cli.results.plot_learning", plot)
    tests = [at(10 * i, 8, 2.0 + i, success) for i, success in enumerate(known)]
    folder = RunFolder.create(tmp_path / "run")
    make_results(tests=tests).write(folder)
    whole = None not in known
    expected = (known, "success rate") if whole else ([2.0, 3.0], "mean return")
    assert drawn == [expected]
    assert folder.is_complete


def test_numbers_are_not_lost_with_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no fonts")

    monkeypatch.setattr("sb3_prune.cli.results.plot_widths", fail)
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(RuntimeError, match="no fonts"):
        make_results().write(folder)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["tests"] and summary["cuts"]
