"""Tests for cli/evaluate.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sb3_prune_envs import make_arm_vec
from sb3_prune_envs.config import ActionMode
from stable_baselines3 import DQN

import sb3_prune as sp
from cli.conftest import Command

Refused = Callable[..., str]


def test_text(command: Command, sac_zip: Path) -> None:
    result = command("evaluate", sac_zip, "--env", "Pendulum-v1", "--episodes", "2")
    assert (result.code, result.err) == (0, "")
    for word in ("return ", "(2 episodes)", "units ", "critic.qf0.0 6", "latency "):
        assert word in result.out


def test_json(command: Command, stock_zip: Path) -> None:
    line = ["--env", "Pendulum-v1", "--episodes", "2", "--json"]
    found = json.loads(command("evaluate", stock_zip, *line).out)
    assert (found["episodes"], found["mean_length"]) == (2, 200)
    assert found["success"] is None
    assert found["widths"]["critic.qf0.0"] == 8
    assert found["params_deploy"] < found["params_train"]
    assert found["latency_us"] > 0


@pytest.mark.parametrize(
    ("cls", "mode"), [(sp.BranchingDQN, "branch"), (DQN, "single")]
)
def test_an_arm_gets_the_action_mode_of_the_agent(
    cls: type[DQN], mode: ActionMode, command: Command, tmp_path: Path
) -> None:
    arms = make_arm_vec(1, n_joints=2, action_mode=mode)
    cls("MlpPolicy", arms, policy_kwargs={"net_arch": [4]}).save(tmp_path / "a.zip")
    line = ["--env", "sb3_prune/PlanarArm2-v0", "--episodes", "3", "--json"]
    found = json.loads(command("evaluate", tmp_path / "a.zip", *line).out)
    assert found["mean_length"] == 60
    assert 0 <= found["success"] <= 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--env", "CartPole-v1"], "is for another environment"),
        (["--env", "Pendulum-v1", "--episodes", "0"], "--episodes must be at least 1"),
        (["--env", "Pendulm-v1"], "Unknown environment"),
        ([], "--env is missing, and nothing beside"),
    ],
)
def test_bad_input(
    more: list[str], message: str, refused: Refused, sac_zip: Path
) -> None:
    assert message in refused("evaluate", sac_zip, *more)


def test_a_file_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    line = [tmp_path / "nothing.zip", "--env", "Pendulum-v1"]
    assert "does not exist" in refused("evaluate", *line)
