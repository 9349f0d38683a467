"""Tests for reporting/reported.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reporting.made import PRUNED, SIZES, SMALL, WIDTHS, evaluation, whole_run
from sb3_prune.exceptions import ConfigError
from sb3_prune.reporting.reported import NO_BEFORE, NO_CUT, NO_RETURN, ReportedRun


def test_what_a_whole_run_says(tmp_path: Path) -> None:
    run = ReportedRun.read(str(whole_run(tmp_path / "run")))
    assert (run.name, run.algorithm, run.strategy) == ("run", "ppo", "magnitude")
    assert (run.task, run.line) == ("CartPole-v1", "sb3-prune train")
    assert run.before.widths == WIDTHS and run.after.widths == PRUNED
    assert run.before.counts["units"] == 664 and run.after.latency == 214.6
    assert [test["mean_return"] for test in run.curve] == [9, 50, 200.5]
    assert run.cuts[0] == (0, WIDTHS) and run.cuts[-1] == (200, PRUNED)
    assert run.settings["strategy.options.final_sparsity"] == 0.9
    assert (run.plain_problem, run.statistics, list(run.missing())) == (None, None, [])


def test_a_label_is_its_name(tmp_path: Path) -> None:
    assert ReportedRun.read(whole_run(tmp_path / "run", label="mine")).name == "mine"


NOT_EVALUATED: dict[str, Any] = {"tests": [], "test": {"before": None, "after": None}}
DENSE = {"test": {"before": None, "after": evaluation(5)}}
UNCUT = {"first_cut": None, "after": {"widths": WIDTHS, **SIZES}}
INFINITE = [
    evaluation(float("nan")) | {"timesteps": 0},
    evaluation(1) | {"timesteps": 1},
]


@pytest.mark.parametrize(
    ("summary", "files", "named"),
    [
        (NOT_EVALUATED, ("model.zip", "plain.zip"), [NO_RETURN]),
        (DENSE, ("model.zip", "plain.zip"), [NO_BEFORE]),
        (DENSE | UNCUT, ("model.zip", "plain.zip"), [NO_CUT]),
        (
            {"test": {"before": evaluation(5), "after": evaluation(float("inf"))}},
            ("model.zip", "plain.zip"),
            ["The evaluation after has no finite result."],
        ),
        ({}, ("plain.zip",), ["There is no model.zip in its folder."]),
        ({}, ("model.zip",), ["There is no plain.zip: it is not in the folder"]),
        (
            {"plain_problem": "no widths"},
            ("model.zip",),
            ["There is no plain.zip: no widths"],
        ),
        (
            {"plain_problem": "torch"},
            ("model.zip", "plain.zip"),
            ["plain.zip cannot be used: torch"],
        ),
        (
            {"plain_load_equal": False},
            ("model.zip", "plain.zip"),
            ["plain.zip acts differently from model.zip."],
        ),
        (
            {"plain_load_equal": None},
            ("model.zip", "plain.zip"),
            ["plain.zip was not verified (--no-verify)."],
        ),
        (
            {"tests": INFINITE},
            ("model.zip", "plain.zip"),
            ["1 evaluation without a finite result is left out."],
        ),
        (
            {"tests": [*INFINITE, evaluation(-1e305) | {"timesteps": 2}]},
            ("model.zip", "plain.zip"),
            ["2 evaluations without a finite result are left out."],
        ),
    ],
)
def test_what_is_missing_is_named(
    summary: dict[str, Any], files: tuple[str, ...], named: list[str], tmp_path: Path
) -> None:
    run = ReportedRun.read(whole_run(tmp_path / "run", files=files, **summary))
    assert list(run.missing()) == named


def test_where_success_is_known_it_is_the_score(tmp_path: Path) -> None:
    tests = [
        evaluation(0, mean_return=None, interval=None, success=share)
        | {"timesteps": step}
        for step, share in enumerate((0.1, 0.9))
    ]
    run = ReportedRun.read(whole_run(tmp_path / "run", tests=tests))
    assert run.score == "success" and len(run.curve) == 2
    assert list(run.missing()) == []


@pytest.mark.parametrize("name", ["nowhere", "", "file"])
def test_what_is_no_run_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is no run folder"):
        ReportedRun.read(tmp_path / name)


@pytest.mark.parametrize("file", ["config.json", "summary.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"options": 1}'])
def test_damaged_files_are_named(file: str, content: str, tmp_path: Path) -> None:
    folder = whole_run(tmp_path / "run")
    (folder / file).write_text(content)
    with pytest.raises(ConfigError, match=rf"{file}' is damaged"):
        ReportedRun.read(folder)


@pytest.mark.parametrize(
    "key", ["before", "after", "test", "tests", "cuts", "first_cut"]
)
def test_a_summary_without_a_part(key: str, tmp_path: Path) -> None:
    folder = whole_run(tmp_path / "run")
    content = json.loads((folder / "summary.json").read_text())
    del content[key]
    (folder / "summary.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"summary.json' is damaged"):
        ReportedRun.read(folder)


@pytest.mark.parametrize(
    "odd",
    [
        {"cuts": []},
        {"first_cut": "soon"},
        {"after": {"widths": PRUNED, **SMALL, "latency_us": float("nan")}},
        {"before": {"widths": {"a": "b"}, **SMALL}},
        {"before": {"widths": {}, **SMALL}},
        {"before": {"widths": WIDTHS, **SMALL, "units": -1}},
        {"before": {"widths": WIDTHS, **SMALL, "units": 2.5}},
        {"cuts": [{"timesteps": 0, "units": {"a": "6"}}]},
        {"cuts": [{"timesteps": 0, "units": {"a": float("nan")}}]},
        *({"tests": [evaluation(1) | {"timesteps": t}]} for t in ("x", None, -1)),
        {"tests": [evaluation(1)]},
        *(
            {"test": {"before": None, "after": evaluation(5, **odd)}}
            for odd in (
                {"episodes": "x"},
                {"episodes": []},
                {"mean_length": "x"},
                {"mean_length": {}},
                {"interval": []},
                {"interval": [1]},
                {"interval": [None, 1]},
                {"std_return": None},
            )
        ),
    ],
)
def test_odd_values_are_damage(odd: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"summary.json' is damaged"):
        ReportedRun.read(whole_run(tmp_path / "run", **odd))


def test_what_a_run_pruned(tmp_path: Path) -> None:
    """A strategy may find nothing; and it may mask weights, and remove no unit."""
    nothing = {"first_cut": None, "after": {"widths": WIDTHS, **SIZES}}
    assert not ReportedRun.read(whole_run(tmp_path / "a", **nothing)).pruned
    nothing["after"] = {"widths": WIDTHS, **SIZES, "weights_deploy": 39}
    assert ReportedRun.read(whole_run(tmp_path / "b", **nothing)).pruned
    assert ReportedRun.read(whole_run(tmp_path / "c")).pruned


def test_a_configuration_without_a_command(tmp_path: Path) -> None:
    folder = whole_run(tmp_path / "run", config={"command": ["sb3-prune"]})
    with pytest.raises(ConfigError, match=r"config.json' is damaged"):
        ReportedRun.read(folder)
