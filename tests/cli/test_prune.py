"""Tests for cli/prune.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp
from cli.conftest import OFF, Command
from sb3_prune.checksums import checksum_of
from sb3_prune.cli.zips import read_zip

Refused = Callable[..., str]
pytestmark = pytest.mark.usefixtures("no_figures")
PENDULUM = ["--env", "Pendulum-v1", "--timesteps", "64"]
PENDULUM += ["--eval-episodes", "1", "--eval-every", "1000"]
QUICK = [*PENDULUM, "--no-verify", "--algo-kwargs", *OFF]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stock_zip", "sac_zip"])
def test_a_zip_of_either_kind(
    kind: str, command: Command, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(kind)
    content = path.read_bytes()
    out = tmp_path / "run"
    result = command(
        "prune", path, *QUICK, "--out", out, "--final-sparsity", "0.5", "--seed", "4"
    )
    assert (result.code, result.err) == (0, "")
    assert path.read_bytes() == content
    model = read_zip(out / "model.zip").load()
    assert set(sp.wire(model.policy).units().values()) == {4}
    assert model.seed == 4
    config = json.loads((out / "config.json").read_text())
    assert config["model_checksum"] == checksum_of(path)
    summary = json.loads((out / "summary.json").read_text())
    first = summary["tests"][0]
    assert first.pop("units") == summary["cuts"][0]["units"]
    assert first == {"timesteps": 0, **summary["test"]["before"]}
    assert type(SAC.load(out / "plain.zip").policy) is SAC.policy_aliases["MlpPolicy"]


def test_on_policy(command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "ppo.zip", tmp_path / "run"
    kwargs = {"net_arch": [8, 8]}
    PPO("MlpPolicy", "CartPole-v1", n_steps=64, policy_kwargs=kwargs).save(path)
    more = ["--env", "CartPole-v1", "--timesteps", "128", "--eval-episodes", "1"]
    more += ["--algo-kwargs", "n_steps=16", "batch_size=16", "--learning-rate", "0.1"]
    assert command("prune", path, "--no-verify", "--out", out, *more).code == 0
    model = read_zip(out / "model.zip").load()
    assert isinstance(model, PPO)
    assert (model.n_steps, model.learning_rate) == (16, 0.1)


def test_a_trained_dqn_does_not_explore_anew(command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "dqn.zip", tmp_path / "run"
    kwargs = {"net_arch": [8, 8]}
    DQN("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs).save(path)
    more = ["--env", "CartPole-v1", "--timesteps", "64", "--eval-episodes", "0"]
    more += ["--no-verify", "--algo-kwargs", *OFF]
    assert command("prune", path, "--out", out, *more).code == 0
    model = read_zip(out / "model.zip").load()
    assert isinstance(model, DQN)
    assert model.exploration_initial_eps == model.exploration_final_eps == 0.05


BAD = {
    "Unknown strategy 'none'": ["--strategy", "none"],
    "is for another environment": ["--env", "CartPole-v1"],
    "Unknown environment 'Pendulm-v1'": ["--env", "Pendulm-v1"],
    "Unknown algorithm 'sacc'": ["--algo", "sacc"],
    "The schedule ends after training": ["--end", "1.5"],
    "Unknown network 'q_net'": ["--networks", "q_net"],
    "Did you mean 'batch_size'?": ["--algo-kwargs", "batchsize=3"],
    "gamma must be a number of at least 0": ["--algo-kwargs", "gamma=7"],
    "--n-envs must be at least 0": ["--n-envs", "-1"],
    "--timesteps must be at least 0": ["--timesteps", "-1"],
    "--play-episodes must be at least 1": ["--timesteps", "0", "--play-episodes", "0"],
    "for argument '--play-states'": ["--timesteps", "0", "--play-states", "all"],
    "--masks-only needs training": ["--timesteps", "0", "--masks-only"],
    "--play-rounds must be at least 0": ["--timesteps", "0", "--play-rounds", "-1"],
    "--distil-updates need --timesteps 0": ["--distil-updates", "3"],
    "--play-episodes and --play-states need --timesteps 0, got 64": [
        *("--play-episodes", "2", "--play-states", "greedy"),
    ],
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(
    message: str, refused: Refused, stock_zip: Path, tmp_path: Path
) -> None:
    line = [stock_zip, *PENDULUM, "--out", tmp_path / "run", *BAD[message]]
    assert message in refused("prune", *line)


def test_a_truncated_zip(refused: Refused, stock_zip: Path, tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    path.write_bytes(stock_zip.read_bytes()[:-100])
    line = [path, *PENDULUM, "--out", tmp_path / "run"]
    assert "truncated" in refused("prune", *line)


def test_a_hyperparameter_in_the_zip(
    refused: Refused, stock_zip: Path, tmp_path: Path
) -> None:
    model = SAC.load(stock_zip)
    model.gamma = 7
    model.save(tmp_path / "agent.zip")
    line = [tmp_path / "agent.zip", *PENDULUM, "--out", tmp_path / "run"]
    assert "agent.zip': gamma must be a number" in refused("prune", *line)


def test_an_existing_folder(refused: Refused, stock_zip: Path, tmp_path: Path) -> None:
    assert "is not a run folder" in refused(
        "prune", stock_zip, *PENDULUM, "--out", tmp_path
    )


def test_statistics_that_it_would_delete(
    refused: Refused, command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    line = ["prune", zoo_zip, "--timesteps", "0", "--eval-episodes", "0", "--no-verify"]
    line += ["--play-episodes", "1", "--out", out, "--overwrite"]
    assert command(*line).code == 0
    message = refused(*line, "--vecnormalize", out / "vecnormalize.pkl")
    assert "run' holds" in message
    assert "vecnormalize.pkl', which would be deleted" in message
    assert command(*line, "--vecnormalize", "none").code == 0


def test_an_agent_trains_on_in_as_many_environments_as_it_had(
    command: Command, tmp_path: Path
) -> None:
    env = make_vec_env("CartPole-v1", 3)
    A2C("MlpPolicy", env, n_steps=4, device="cpu").learn(12).save(tmp_path / "a.zip")
    line = ["prune", tmp_path / "a.zip", "--env", "CartPole-v1", "--timesteps", "24"]
    line += ["--eval-episodes", "0", "--no-verify"]
    for given, n_envs in ([], 3), (["--n-envs", "2"], 2):
        out = tmp_path / str(n_envs)
        assert command(*line, *given, "--out", out).code == 0
        config = json.loads((out / "config.json").read_text())
        assert config["options"]["n_envs"] == n_envs
        assert A2C.load(out / "plain.zip").n_envs == n_envs
