"""Tests for runs/finished.py."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from runs.made import gradual, make_run
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.finished import FinishedRun
from sb3_prune.runs.folder import RunFolder


def test_what_a_run_says(tmp_path: Path) -> None:
    env = {"kwargs": {"goals": "full", "action_mode": "joint"}}
    path = make_run(
        tmp_path / "run",
        (1, 2.5),
        strategy=gradual(0.9, networks=[]),
        env=env,
        seed=3,
        label="mine",
        n_envs=2,
        masks_only=False,
        eval_every=None,
        begin=0.0,
    )
    run = FinishedRun.read(str(path))
    assert (run.folder, run.label, run.origin) == (path, "mine", (3, None))
    assert (run.algorithm, run.strategy) == ("ppo", "magnitude")
    assert run.task == "CartPole-v1 goals=full"  # The action mode is the algorithm's.
    assert run.curve == {0: 1, 100: 2.5} and run.final == 2.5
    assert run.sizes["params_train"] == 200
    assert run.settings == {
        "command": "train",
        "algorithm": "ppo",
        "env.id": "CartPole-v1",
        "env.kwargs.goals": "full",
        "env.kwargs.action_mode": "joint",
        "n_envs": 2,
        "begin": 0.0,
        "strategy.name": "magnitude",
        "strategy.options.final_sparsity": 0.9,
        "built": "8 16",
    }


def test_without_a_strategy_it_is_dense(tmp_path: Path) -> None:
    assert FinishedRun.read(make_run(tmp_path / "run")).strategy == "dense"


@pytest.mark.parametrize("name", ["nowhere", "", "file", "run/model.zip"])
def test_what_is_no_run_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is no run folder: expected one that sb3"):
        FinishedRun.read(tmp_path / name)


def test_a_run_that_is_not_complete(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    (path / "summary.json").unlink()
    with pytest.raises(ConfigError, match=r"has no summary.json: it failed or is not"):
        FinishedRun.read(path)


@pytest.mark.parametrize(
    ("returns", "said"),
    [((), "run' was not evaluated"), ((1, float("nan")), "has a return of nan")],
)
def test_a_run_without_returns(returns: Any, said: str, tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", returns)
    with pytest.raises(ConfigError, match=said):
        FinishedRun.read(path)


def test_words_for_numbers_are_read_back(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", (1, math.inf))
    summary = json.loads((path / "summary.json").read_text())
    RunFolder(path).write_json("summary.json", summary)
    assert "Infinity" not in (path / "summary.json").read_text()
    with pytest.raises(ConfigError, match="has a return of inf"):
        FinishedRun.read(path)


@pytest.mark.parametrize("name", ["config.json", "summary.json"])
@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", "null", '{"options": 3}', "[" * 100_000]
)
def test_damage_is_named(name: str, text: str, tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    (path / name).write_text(text)
    with pytest.raises(ConfigError, match=rf"{name}' is damaged, or no run's"):
        FinishedRun.read(path)


def test_runs_from_before_labels_are_read(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    assert "label" not in json.loads((path / "config.json").read_text())["options"]
    assert FinishedRun.read(path).label is None
