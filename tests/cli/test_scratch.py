"""Tests for cli/scratch.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.vec_env import VecNormalize

import sb3_prune as sp
from cli.conftest import OFF, ON, Command
from cli.rl_zoo import normalised, save_zoo
from sb3_prune.cli.zips import read_zip
from sb3_prune.runs.pickles import read_statistics

Refused = Callable[..., str]
pytestmark = pytest.mark.usefixtures("no_figures")
QUICK = ["--eval-episodes", "1", "--no-verify"]
POLE = ["--env", "CartPole-v1"]


@pytest.fixture
def pruned(command: Command, tmp_path: Path) -> Path:
    """A run that has left half of the units."""
    line = ["train", "--algo", "ppo", *POLE, "--out", tmp_path / "pruned"]
    line += ["--timesteps", "96", "--net-arch", "8", "8", "--final-sparsity", "0.5"]
    assert command(*line, "--n-envs", "2", *QUICK, "--algo-kwargs", *ON).code == 0
    return tmp_path / "pruned" / "model.zip"


def test_a_small_agent_has_the_widths_the_settings_and_the_steps(
    pruned: Path, command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "small"
    result = command("scratch", pruned, "--out", out, "--seed", "7", *QUICK)
    assert result.code == 0, result.err
    assert "environment CartPole-v1" in result.err
    model, old = read_zip(out / "model.zip").load(), read_zip(pruned).load()
    assert isinstance(model, PPO) and isinstance(old, PPO)
    assert sp.wire(model.policy).units() == sp.wire(old.policy).units()
    assert model.num_timesteps == old.num_timesteps == 128
    assert (model.n_envs, model.n_steps, model.batch_size, model.seed) == (2, 32, 16, 7)
    config = json.loads((out / "config.json").read_text())
    assert (config["options"]["timesteps"], config["options"]["n_envs"]) == (128, 2)
    assert config["strategy"] is None
    summary = json.loads((out / "summary.json").read_text())
    assert summary["before"]["widths"] == summary["after"]["widths"]
    assert [summary["tests"][at]["timesteps"] for at in (0, -1)] == [0, 128]


def test_compare_calls_it_small_dense(
    pruned: Path, command: Command, tmp_path: Path
) -> None:
    for seed in ("1", "2"):
        more = ["--out", tmp_path / seed, "--seed", seed, *QUICK]
        assert command("scratch", pruned, *more).code == 0
    result = command("compare", pruned.parent, tmp_path / "1", tmp_path / "2")
    assert result.code == 0, result.err
    rows = {line[:16].strip(): line.split() for line in result.out.splitlines()}
    assert rows["ppo small dense"][3] == "2"  # Seeds.
    assert rows["ppo small dense"][-4:] == rows["ppo magnitude"][-4:]  # Sizes.


def test_it_can_train_longer_with_other_settings(
    stock_zip: Path, command: Command, tmp_path: Path
) -> None:
    more = ["--env", "Pendulum-v1", "--timesteps", "64", "--learning-rate", "0.1"]
    more += ["--out", tmp_path / "run", *QUICK, "--algo-kwargs", *OFF]
    result = command("scratch", stock_zip, *more)
    assert result.code == 0, result.err
    model = read_zip(tmp_path / "run" / "model.zip").load()
    assert isinstance(model, SAC)
    assert (model.learning_rate, model.batch_size) == (0.1, 16)
    assert model.num_timesteps == 64


def test_statistics_begin_anew(command: Command, tmp_path: Path) -> None:
    path = save_zoo(tmp_path / "logs", normalised())
    out = tmp_path / "run"
    line = ["scratch", path, "--out", out, "--timesteps", "256", *QUICK]
    result = command(*line, "--algo-kwargs", "n_steps=128")
    assert result.code == 0, result.err
    assert "observations normalised by vecnormalize.pkl" in result.err
    assert result.err.endswith("statistics begin anew, rewards are scaled\n")
    counts: list[Any] = [
        read_statistics(file).obs_rms.count
        for file in (
            next(path.parent.rglob("vecnormalize.pkl")),
            out / "vecnormalize.pkl",
        )
    ]
    assert counts[0] > 1000 and 256 <= counts[1] < 300
    found = read_statistics(out / "vecnormalize.pkl")
    assert isinstance(found, VecNormalize) and not np.all(found.obs_rms.mean == 0)


def test_what_prune_has_changed_is_asked_for(
    refused: Refused, command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "dqn.zip"
    DQN("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8, 8]}).save(path)
    line = ["prune", path, *POLE, "--timesteps", "64", "--out", tmp_path / "run"]
    assert command(*line, *QUICK, "--algo-kwargs", *OFF).code == 0
    line = ["scratch", tmp_path / "run" / "model.zip", "--out", tmp_path / "small"]
    missing = "--timesteps --n-envs --algo-kwargs exploration_initial_eps=..."
    assert f"For a fair start say it by {missing}." in refused(*line)
    line += ["--n-envs", "2"]
    assert "it by --timesteps --algo-kwargs explo" in refused(*line)
    line += ["--timesteps", "96", *QUICK, "--algo-kwargs", *OFF]
    assert "it by --algo-kwargs explo" in refused(*line)
    result = command(*line, "exploration_initial_eps=0.9")
    assert result.code == 0
    assert "training for 96 steps, environments: 2" in result.err
    model = read_zip(tmp_path / "small" / "model.zip").load()
    assert isinstance(model, DQN)
    assert (model.exploration_initial_eps, model.n_envs) == (0.9, 2)


def test_after_pruning_at_once_as_well(
    pruned: Path, refused: Refused, command: Command, tmp_path: Path
) -> None:
    line = ["prune", pruned, "--timesteps", "0", "--out", tmp_path / "now"]
    line += ["--final-sparsity", "0.7", "--play-episodes", "1"]
    assert command(*line, *QUICK).code == 0
    again = ["scratch", tmp_path / "now" / "model.zip", "--out", tmp_path / "small"]
    assert "say it by --timesteps --n-envs." in refused(*again)


def test_the_best_agent_stands_for_the_whole_training(
    command: Command, tmp_path: Path
) -> None:
    line = ["train", "--algo", "ppo", *POLE, "--out", tmp_path / "run", "--keep-best"]
    line += ["--timesteps", "96", "--strategy", "none", "--eval-every", "32"]
    assert command(*line, *QUICK, "--algo-kwargs", *ON).code == 0
    best = tmp_path / "run" / "best" / "model.zip"
    saved: Any = read_zip(best).load()
    saved.num_timesteps = 32
    saved.save(best)
    assert command("scratch", best, "--out", tmp_path / "small", *QUICK).code == 0
    assert read_zip(tmp_path / "small" / "model.zip").load().num_timesteps == 96


def test_a_plain_zip_of_another_algorithm_is_refused(
    refused: Refused, command: Command, tmp_path: Path
) -> None:
    line = ["train", "--algo", "value-sac", "--env", "Pendulum-v1", "--timesteps", "64"]
    line += ["--net-arch", "8", "8", "--out", tmp_path / "run", *QUICK]
    assert command(*line, "--algo-kwargs", *OFF).code == 0
    plain = tmp_path / "run" / "plain.zip"
    message = refused("scratch", plain, "--out", tmp_path / "small")
    assert "is of sac, its run trained value-sac: take model.zip" in message


@pytest.mark.parametrize("name", ["scratch", "prune"])
def test_the_pruned_agent_is_not_overwritten(
    name: str, pruned: Path, refused: Refused
) -> None:
    message = refused(name, pruned, "--out", pruned.parent, "--overwrite")
    assert "would be deleted: choose another folder for --out" in message


@pytest.mark.parametrize("content", ["{}", "[1]", "no JSON", '{"command": "x"}'])
def test_other_tools_have_such_a_file_too(
    content: str, pruned: Path, command: Command, tmp_path: Path
) -> None:
    (pruned.parent / "config.json").write_text(content)
    line = ["scratch", pruned, *POLE, "--out", tmp_path / "small", *QUICK]
    assert command(*line).code == 0
    assert read_zip(tmp_path / "small" / "model.zip").load().num_timesteps == 128


def test_a_damaged_run_is_named(pruned: Path, refused: Refused, tmp_path: Path) -> None:
    config = pruned.parent / "config.json"
    config.write_text(config.read_text().replace('"timesteps": 96', '"timesteps": "x"'))
    message = refused("scratch", pruned, "--out", tmp_path / "small")
    assert "config.json' is damaged" in message


BAD = {
    "--timesteps must be at least 0": ["--timesteps", "-1"],
    "--n-envs must be at least 0": ["--n-envs", "-1"],
    "was not trained: --timesteps is missing": ["--env", "Pendulum-v1"],
    "is for another environment": ["--env", "CartPole-v1", "--timesteps", "9"],
    "--env is missing": ["--timesteps", "9"],
    "Unrecognized options: --keep-best": ["--keep-best"],
    "Did you mean 'batch_size'?": ["--algo-kwargs", "batchsize=3"],
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_in_one_line(
    message: str, refused: Refused, stock_zip: Path, tmp_path: Path
) -> None:
    line = ["scratch", stock_zip, "--out", tmp_path / "run"]
    assert message in refused(*line, *BAD[message])
