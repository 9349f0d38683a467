"""Tests for reporting/loading.py."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path

import pytest

from reporting.made import whole_run
from sb3_prune.cli.algorithms import ALGORITHMS
from sb3_prune.cli.lines import ExportOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.exporting.compaction import stock_class
from sb3_prune.reporting.loading import (
    OURS,
    STOCK,
    absent,
    export_lines,
    plain_code,
    pruned_code,
    shown,
)
from sb3_prune.reporting.reported import ReportedRun


def test_every_algorithm_has_classes() -> None:
    assert STOCK.keys() == ALGORITHMS.keys()


@pytest.mark.parametrize("name", STOCK)
def test_classes_are_those_of_the_zips(name: str, tmp_path: Path) -> None:
    """The plain zip has the policy of a stock class, the pruned one that of ours."""
    run = ReportedRun.read(whole_run(tmp_path / "a", config={"algorithm": name}))
    names: dict[str, type] = {}
    exec(plain_code(run, "'x'").partition("\n")[0], names)
    stock = names[STOCK[name][1]]
    assert not stock.__module__.startswith("sb3_prune")
    exec(pruned_code(run, "'x'").partition("\n")[0], names)
    ours = names[OURS.get(name, STOCK[name][1])]
    assert ours is ALGORITHMS[name].cls
    assert issubclass(ours, stock)
    assert not stock_class(ALGORITHMS[name].policy).__module__.startswith("sb3_prune")


def test_code_of_a_run(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "odd" \\ <b>'
    run = ReportedRun.read(
        whole_run(folder, files=("model.zip", "plain.zip", "vecnormalize.pkl"))
    )
    plain, pruned, export = shown(run).values()
    for code, name in ((plain, "plain.zip"), (pruned, "model.zip")):
        texts = [
            n.value
            for n in ast.walk(ast.parse(code))
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ]
        assert "env.training = env.norm_reward = False" in code
        known = str(folder / name), "CartPole-v1", str(folder / "vecnormalize.pkl")
        assert texts == [*known]
    assert export.splitlines() == export_lines(run)
    kinds = {shlex.split(line)[4] for line in export_lines(run)}
    assert kinds == {"c", "onnx", "numpy"}
    for line in export_lines(run):
        assert shlex.split(line)[2] == str(folder / "model.zip")
        assert shlex.split(line)[-1] == str(folder / "vecnormalize.pkl")
        read = parse(ExportOptions, shlex.split(line)[2:], "export")
        assert str(read.vecnormalize) == str(folder / "vecnormalize.pkl")


def test_what_is_not_there_is_not_offered(tmp_path: Path) -> None:
    run = ReportedRun.read(whole_run(tmp_path / "a", files=("model.zip",)))
    assert len(shown(run)) == 2
    assert export_lines(run)[0].endswith("--vecnormalize none")
    other = {"algorithm": "my-own"}
    run = ReportedRun.read(whole_run(tmp_path / "b", config=other))
    assert shown(run) == {}
    assert list(absent(run)) == ["How to load an agent of 'my-own' is not known here."]
