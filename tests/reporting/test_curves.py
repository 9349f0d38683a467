"""Tests for reporting/curves.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reporting.made import PRUNED, WIDTHS, evaluation, whole_run
from sb3_prune.reporting.curves import has_trained, of_runs, one_run
from sb3_prune.reporting.reported import ReportedRun


def made(folder: Path, **summary: Any) -> ReportedRun:
    return ReportedRun.read(whole_run(folder, **summary))


def test_a_run_has_returns_and_the_widths_of_every_layer(tmp_path: Path) -> None:
    chart = one_run(made(tmp_path / "run"))
    assert chart is not None
    returns, widths = chart.panels
    (line,) = returns.lines
    assert (line.x, line.y) == ([0, 100, 200], [9, 50, 200.5])
    assert (line.low, line.high) == ([8, 49, 199.5], [10, 51, 201.5])
    assert [line.y for line in widths.lines] == [[64, 6, 6], [600, 70, 70]]
    assert list(chart.names) == ["mean return, greedy", *WIDTHS]
    assert chart.marks == {"first cut": 100}


def test_layers_of_equal_widths_share_a_line(tmp_path: Path) -> None:
    cuts = [
        {"timesteps": t, "units": {"actor.mu.0": 6, "actor.mu.2": 6}} for t in (0, 9)
    ]
    chart = one_run(made(tmp_path / "run", cuts=cuts, first_cut=None))
    assert chart is not None and chart.marks == {}
    assert chart.names[1:] == ["actor.mu.0, actor.mu.2"]


def test_intervals_are_drawn_only_if_all_are_known(tmp_path: Path) -> None:
    tests = [evaluation(1) | {"timesteps": 0}, evaluation(2, interval=None)]
    tests[1]["timesteps"] = 100
    chart = one_run(made(tmp_path / "run", tests=tests))
    assert chart is not None
    assert list(chart.panels[0].lines[0].low) == []
    assert chart.panels[0].title == "mean return"


def test_pruned_at_once_there_is_no_axis(tmp_path: Path) -> None:
    cuts = [{"timesteps": 0, "units": units} for units in (WIDTHS, PRUNED)]
    run = made(tmp_path / "run", cuts=cuts)
    assert not has_trained(run) and one_run(run) is None
    assert of_runs([]) is None


def test_runs_side_by_side(tmp_path: Path) -> None:
    runs = [made(tmp_path / name, seed=i) for i, name in enumerate("ab")]
    chart = of_runs(runs)
    assert chart is not None and list(chart.names) == ["a", "b"]
    returns, units = chart.panels
    assert [line.series for line in returns.lines] == [0, 1]
    assert [line.y for line in units.lines] == [[664, 76, 76]] * 2


def test_other_environments_have_a_panel_of_their_own(tmp_path: Path) -> None:
    other = {"env": {"id": "Pendulum-v1", "kwargs": {}}}
    runs = [made(tmp_path / "a"), made(tmp_path / "b", config=other)]
    chart = of_runs(runs)
    assert chart is not None
    titles = [panel.title.partition(",")[0] for panel in chart.panels]
    assert titles == [
        "mean return in CartPole-v1",
        "mean return in Pendulum-v1",
        "hidden units in all",
    ]
