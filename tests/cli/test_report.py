"""Tests for cli/report.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from reporting.made import whole_run

from cli.conftest import SAC_ARGUMENTS, TINY, Command


def test_a_report_lies_in_its_run(command: Command, tmp_path: Path) -> None:
    folder = whole_run(tmp_path / "run")
    result = command("report", folder)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{folder / 'report.html'} is written (")
    assert "-88.6 %" in (folder / "report.html").read_text("utf-8")


def test_of_several_it_lies_beside_the_first(command: Command, tmp_path: Path) -> None:
    runs = [whole_run(tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    assert command("report", *runs).code == 0
    assert (tmp_path / "report.html").is_file()


def test_an_older_one_stays_unless_told(command: Command, tmp_path: Path) -> None:
    run, out = whole_run(tmp_path / "run"), tmp_path / "x.html"
    out.write_text("mine")
    refused = command("report", run, "--out", out)
    assert refused.code == 2 and "pass --overwrite" in refused.err
    assert out.read_text() == "mine"
    assert command("report", run, "--out", out, "--overwrite").code == 0
    assert out.read_text("utf-8").startswith("<!doctype html>")


def test_mistakes_are_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    assert "RUN... is missing" in refused("report")
    assert f"'{tmp_path}' is no run folder" in refused("report", run, tmp_path)
    assert "--out must end with .html" in refused("report", run, "--out", "x.pdf")
    missing = tmp_path / "no" / "x.html"
    assert refused("report", run, "--out", missing)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["magnitude", "none"])
def test_what_train_writes_can_be_shown(
    command: Command, tmp_path: Path, no_figures: None, strategy: str
) -> None:
    run, hub = tmp_path / "run", tmp_path / "hub"
    line = ["train", *SAC_ARGUMENTS, *TINY, "--strategy", strategy, "--no-verify"]
    assert command(*line[:1], *line[1:], "--out", run).code == 0
    result = command("report", run)
    assert (result.code, result.err) == (0, "")
    assert "actor.latent_pi" in (run / "report.html").read_text("utf-8")
    assert command("card", run, "--out", hub).code == 0
    assert (hub / "sac-Pendulum-v1.zip").is_file()
