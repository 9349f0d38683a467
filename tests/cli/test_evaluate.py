"""Tests for cli/evaluate.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
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


class Recorded(gym.Env[Any, Any]):
    """Remembers where the episodes began that it played to their end."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    starts: ClassVar[list[tuple[float, ...]]] = []

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        self.start = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.start, {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        if ended := self.steps == 8:
            self.starts.append(tuple(self.start.tolist()))
        return np.zeros(2, np.float32), 1.0, False, ended, {}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an environment that remembers where its episodes begin."""
    spec = EnvSpec("Recorded-v0", entry_point=Recorded)
    monkeypatch.setitem(gym.registry, spec.id, spec)
    monkeypatch.setattr(Recorded, "starts", [])
    return "Recorded-v0"


def starts_of(result: Any) -> set[tuple[float, ...]]:
    assert result.code == 0, result.err
    found = set(Recorded.starts)
    Recorded.starts.clear()
    return found


@pytest.mark.filterwarnings("always:--seed . is that of the training")
def test_who_only_plays_repeats_no_episode_of_the_training(
    recorded: str, command: Command, tmp_path: Path
) -> None:
    model = tmp_path / "run" / "model.zip"
    line = ["train", "--algo", "ppo", "--env", recorded, "--net-arch", "4"]
    line += ["--strategy", "none", "--timesteps", "64", "--eval-episodes", "0"]
    line += ["--algo-kwargs", "n_steps=32", "batch_size=32", "n_epochs=1"]
    line += ['policy_kwargs={"activation_fn": "torch.nn.ReLU"}']  # For `project`.
    line += ["--n-envs", "2", "--no-verify", "--out", model.parent]
    trained = starts_of(command(*line))
    analyze = ["--analysis", "dormancy", "--overwrite"]
    for play in (["evaluate", model], ["analyze", model, *analyze], ["project"]):
        line = [*play, *([model, model] if play == ["project"] else [])]
        result = command(*line, "--episodes", "20")
        assert "warning" not in result.err
        played = starts_of(result)
        assert len(played) >= 20
        assert not played & trained
    for seed in (0, 1):
        result = command("evaluate", model, "--seed", seed, "--episodes", "4")
        assert f"warning: --seed {seed} is that of the training" in result.err
        assert starts_of(result) & trained
    result = command("evaluate", model, "--seed", 2, "--episodes", "4")
    assert "warning" not in result.err
    assert not starts_of(result) & trained
