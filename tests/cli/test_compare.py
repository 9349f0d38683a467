"""Tests for cli/compare.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from runs.made import gradual, make_run

from cli.conftest import ON, TINY, Command
from sb3_prune.cli.compare import lines
from sb3_prune.runs.comparing import compare_runs

FILES = ["comparison.json", "returns.png", "sizes.png"]


def made(folder: Path) -> list[Path]:
    """Write a dense agent of two seeds and a pruned one of one seed."""
    return [
        make_run(folder / "dense-1", [10, 100], parameters=9000),
        make_run(folder / "dense-2", [10, 110], parameters=9000, seed=2),
        make_run(folder / "pruned", [10, 1234.5], strategy=gradual(0.9)),
    ]


@pytest.mark.slow
def test_a_table_and_pictures(command: Command, tmp_path: Path) -> None:
    result = command("compare", *made(tmp_path))
    assert (result.code, result.err) == (0, "")
    rows = result.out.splitlines()
    assert rows[0].startswith("CartPole-v1: interquartile mean")
    dense = rows[3].split()
    assert dense == [
        "ppo",
        "dense",
        "2",
        "105",
        "100",
        "to",
        "110",
        "24",
        "9,000",
        "18,000",
        "180",
    ]
    pruned = rows[4].split()
    assert pruned == [
        "ppo",
        "magnitude",
        "1",
        "1,234",
        "-",
        "*",
        "24",
        "100",
        "200",
        "180",
    ]
    assert "one seed, so no interval: ppo magnitude" in rows
    folder = tmp_path / "comparison"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    for name in FILES[1:]:
        with Image.open(folder / name) as picture:
            assert picture.width > 400
    saved = json.loads((folder / FILES[0]).read_text())
    assert saved["groups"]["ppo dense"]["interval"] == [100, 110]
    assert command("compare", *made(tmp_path / "b"), "--json").out == json.dumps(
        json.loads((tmp_path / "b/comparison" / FILES[0]).read_text()), indent=2
    ) + ("\n")


@pytest.mark.slow
def test_older_results_stay_unless_told(command: Command, tmp_path: Path) -> None:
    runs, out = made(tmp_path), tmp_path / "x"
    assert command("compare", *runs, "--out", out).code == 0
    before = (out / FILES[0]).read_bytes()
    refused = command("compare", runs[0], "--out", out)
    assert refused.code == 2 and "pass --overwrite" in refused.err
    assert (out / FILES[0]).read_bytes() == before
    assert command("compare", runs[0], "--out", out, "--overwrite").code == 0
    assert (out / FILES[0]).read_bytes() != before


def test_long_names_come_with_a_hint(tmp_path: Path) -> None:
    found = compare_runs(made(tmp_path))
    hint = "names are long: train, prune and scratch take a shorter one by --label"
    assert hint not in list(lines(found))
    kinds = ({"n_envs": n, "policy": "MlpPolicy" * n} for n in (8, 9))
    paths = [make_run(tmp_path / f"{i}", **each) for i, each in enumerate(kinds)]
    assert hint in list(lines(compare_runs(paths)))
    paths = [make_run(tmp_path / "named", label="x" * 99)]
    assert hint not in list(lines(compare_runs(paths)))


def test_mistakes_are_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    runs = made(tmp_path)
    assert "RUN... is missing" in refused("compare")
    assert f"'{tmp_path}' is no run folder" in refused("compare", runs[0], tmp_path)
    assert "one run twice" in refused("compare", runs[0], runs[0])
    other = make_run(tmp_path / "other", env={"id": "Pendulum-v1"})
    assert "different environments" in refused("compare", runs[0], other)


@pytest.mark.slow
@pytest.mark.parametrize("label", [None, "mine"])
def test_what_train_writes_can_be_compared(
    command: Command, tmp_path: Path, no_figures: None, label: str | None
) -> None:
    more = [*TINY, "--no-verify", "--algo-kwargs", *ON]
    named = ["--label", label] if label else []
    for seed in (1, 2):
        folder = tmp_path / f"run-{seed}"
        line = ["train", "--algo", "ppo", "--env", "CartPole-v1", "--out", folder]
        assert command(*line, "--seed", seed, *named, *more).code == 0
    result = command("compare", tmp_path / "run-1", tmp_path / "run-2")
    assert (result.code, result.err) == (0, "")
    assert f"\n{label or 'ppo magnitude'}  " in result.out
    (group,) = json.loads((tmp_path / "comparison/comparison.json").read_text())[
        "groups"
    ].values()
    assert group["seeds"] == [1, 2] and group["curve"]["timesteps"] == [0, 96]
