"""Tests for cli/at_once.py: ``sb3-prune prune --timesteps 0``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp
from cli.conftest import Command
from sb3_prune.cli.zips import read_zip
from sb3_prune.pruning import prune

NOW = ["--timesteps", "0", "--eval-episodes", "2", "--no-verify"]


@pytest.fixture(scope="module")
def ppo_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agent of plain SB3 that has trained for a while."""
    path = tmp_path_factory.mktemp("ppo") / "ppo.zip"
    kwargs = {"net_arch": [16, 16]}
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, policy_kwargs=kwargs, seed=0)
    model.learn(64).save(path)
    return path


@pytest.fixture
def line(ppo_zip: Path, tmp_path: Path) -> list[object]:
    return ["prune", ppo_zip, "--env", "CartPole-v1", *NOW, "--out", tmp_path / "run"]


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return content


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["magnitude", "reconstruct"])
def test_an_agent_becomes_smaller_at_once(
    strategy: str, command: Command, line: list[object], ppo_zip: Path, tmp_path: Path
) -> None:
    content = ppo_zip.read_bytes()
    result = command(*line, "--strategy", strategy, "--final-sparsity", "0.5")
    assert (result.code, result.err) == (0, "")
    assert ppo_zip.read_bytes() == content
    model = read_zip(tmp_path / "run" / "model.zip").load()
    assert set(sp.wire(model.policy).units().values()) == {8}
    assert model.num_timesteps == 64
    assert PPO.load(tmp_path / "run" / "plain.zip").num_timesteps == 64
    rows = [row[:18].rstrip() for row in result.out.splitlines()]
    assert rows[0] == "units"
    assert rows[4:] == [
        "test before",
        "test after",
        "relative error",
        "moved",
        "plain.zip",
        "folder",
    ]


def test_the_folder(command: Command, line: list[object], tmp_path: Path) -> None:
    assert command(*line, "--final-sparsity", "0.5").code == 0
    folder = tmp_path / "run"
    names = {file.name.partition(".out.")[0] for file in folder.iterdir()}
    zips = {"model.zip", "plain.zip"}
    assert names == zips | {"config.json", "metrics.csv", "events", "summary.json"}
    found = read(folder)
    assert (found["timesteps"], found["first_cut"], found["sparsity"]) == (0, 0, 0.5)
    before, after = found["tests"]
    units = [set(test.pop("units").values()) for test in (before, after)]
    assert units == [{16}, {8}]
    assert before == {"timesteps": 0, **found["test"]["before"]}
    assert after == {"timesteps": 0, **found["test"]["after"]}
    assert [set(cut["units"].values()) for cut in found["cuts"]] == [{16}, {8}]
    assert found["report"]["observations"] > 100
    assert 0 < found["report"]["fit_error"] < 1
    assert found["report"]["moved"]["kl"] >= 0
    config = json.loads((folder / "config.json").read_text())
    assert config["options"]["play_states"] == "both"
    with open(folder / "metrics.csv") as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["prune/fit_error"]) == found["report"]["fit_error"]
    assert last["time/total_timesteps"] == "0"


def test_it_is_what_the_library_does(
    command: Command, line: list[object], ppo_zip: Path, tmp_path: Path
) -> None:
    more = ["--play-episodes", "4", "--play-states", "greedy", "--eval-episodes", "0"]
    assert command(*line, *more, "--final-sparsity", "0.5").code == 0
    found = read_zip(tmp_path / "run" / "model.zip").load().policy.state_dict()
    model = PPO.load(ppo_zip, env=make_vec_env("CartPole-v1", seed=0), seed=0)
    config = {"final_sparsity": 0.5}
    prune(model, "magnitude", config, model.get_env(), episodes=4, states="greedy")
    expected = model.policy.state_dict()
    assert {name: tensor.shape for name, tensor in found.items()} == {
        name: tensor.shape for name, tensor in expected.items()
    }
    assert all((found[name] == tensor).all() for name, tensor in expected.items())
    assert read(tmp_path / "run")["test"] == {"before": None, "after": None}


@pytest.mark.slow
def test_clusters_are_merged(
    command: Command, line: list[object], tmp_path: Path
) -> None:
    more = ["--strategy", "clusters", "--tau", "0.5", "--n-envs", "2"]
    assert command(*line, *more).code == 0
    assert read(tmp_path / "run")["sparsity"] > 0


def test_an_agent_with_critics(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    line = ["prune", sac_zip, "--env", "Pendulum-v1", *NOW, "--out", tmp_path / "run"]
    result = command(*line, "--play-episodes", "1", "--final-sparsity", "0.5")
    assert (result.code, result.err) == (0, "")
    assert set(read(tmp_path / "run")["cuts"][-1]["units"].values()) == {4}


def test_plain_cuts_have_no_fit(
    command: Command, line: list[object], tmp_path: Path
) -> None:
    result = command(*line, "--compensate", "False", "--final-sparsity", "0.5")
    assert "relative error" not in result.out
    assert read(tmp_path / "run")["report"]["fit_error"] is None


def test_a_strategy_that_learns_while_training_removes_nothing(
    command: Command, line: list[object], tmp_path: Path
) -> None:
    assert command(*line, "--strategy", "xinet").code == 0
    assert read(tmp_path / "run")["sparsity"] == 0


def test_too_few_observations_are_noticed_before_anything_is_written(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "wide.zip"
    kwargs = {"net_arch": [128]}
    PPO("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, seed=0).save(path)
    line = ["prune", path, "--env", "CartPole-v1", *NOW, "--out", tmp_path / "run"]
    line += ["--play-episodes", "1", "--play-states", "greedy"]
    line += ["--strategy", "reconstruct", "--final-sparsity", "0.05"]
    assert "give more observations" in refused(*line)


def test_rounds_and_distillation(
    command: Command, line: list[object], tmp_path: Path
) -> None:
    more = ["--play-rounds", "1", "--distil-updates", "10", "--play-episodes", "2"]
    result = command(*line, "--final-sparsity", "0.5", *more)
    assert (result.code, result.err) == (0, "")
    assert "distilled" in result.out
    found = read(tmp_path / "run")["report"]
    assert len(found["returns_of_rounds"]) == 2
    assert found["distillation"]["updates"] == 10
