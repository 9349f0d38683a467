"""Tests for reporting/tables.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reporting.made import PRUNED, SMALL, evaluation, whole_run
from sb3_prune.reporting.reported import ReportedRun
from sb3_prune.reporting.tables import (
    NONE,
    has_intervals,
    highlights,
    moments,
    results,
    sizes,
)


def made(folder: Path, **summary: Any) -> ReportedRun:
    return ReportedRun.read(whole_run(folder / "run", **summary))


def test_sizes(tmp_path: Path) -> None:
    rows = {row.name: row[1:] for row in sizes(made(tmp_path))}
    assert rows == {
        "hidden units": ("664", "76", "-88.6 %"),
        "parameters to act": ("4,000", "400", "-90.0 %"),
        "parameters in all": ("9,000", "9,000", ""),
        "FLOPs per action": ("8,000", "8,000", ""),
        "latency of predict": ("220 µs", "215 µs", ""),
    }


def test_masked_weights_are_counted_where_there_are_some(tmp_path: Path) -> None:
    after = {
        "widths": PRUNED,
        **SMALL,
        "sparse_flops_deploy": 800,
        "weights_deploy": 390,
    }
    rows = {row.name: row[1:] for row in sizes(made(tmp_path, after=after))}
    assert rows["weights to act, unmasked"] == ("3,900", "390", "-90.0 %")
    assert rows["FLOPs without masked weights"] == ("8,000", "800", "-90.0 %")


def test_results_say_when_they_were_taken(tmp_path: Path) -> None:
    run = made(tmp_path)
    rows = {row.name: row[1:3] for row in results(run)}
    assert rows["mean return"] == ("50", "200.5")
    assert rows["95 % interval"] == ("49 to 51", "199.5 to 201.5")
    assert "success" not in rows  # The environment does not know it.
    (told,) = moments(run)
    assert "before the first cut (step 100)" in told


def test_an_agent_that_was_given_was_evaluated_at_the_start(tmp_path: Path) -> None:
    command = {"command": ["sb3-prune", "prune", "a.zip"]}
    run = made(tmp_path, config=command)
    assert list(moments(run)) == [
        "Before: the agent as it was before this run pruned anything. "
        "After: the last evaluation."
    ]
    assert [row.before for row in highlights(run)] == ["664", "4,000", "50"]


def test_a_last_evaluation_without_result(tmp_path: Path) -> None:
    tests = {"before": evaluation(5), "after": evaluation(float("nan"))}
    (told,) = moments(made(tmp_path, test=tests))
    assert told.endswith("After: the last evaluation, which has no finite result.")


def test_an_untrained_agent_is_no_measure(tmp_path: Path) -> None:
    assert [row.before for row in highlights(made(tmp_path))] == ["664", "4,000", NONE]


def test_one_episode_has_no_interval(tmp_path: Path) -> None:
    assert has_intervals(made(tmp_path))
    tests = {"before": None, "after": evaluation(5, interval=None)}
    assert not has_intervals(made(tmp_path / "b", test=tests))


def test_what_was_not_measured_is_a_dash(tmp_path: Path) -> None:
    tests = {"before": None, "after": evaluation(5, success=0.25)}
    rows = {row.name: row[1:3] for row in results(made(tmp_path, test=tests))}
    assert rows["mean return"] == (NONE, "5")
    assert rows["success"] == (NONE, "25.0 %")
    nothing = {"before": None, "after": None}
    run = made(tmp_path / "b", test=nothing)
    assert results(run) == [] and list(moments(run)) == []
