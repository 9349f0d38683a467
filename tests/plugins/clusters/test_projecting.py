"""Tests for the command ``sb3-prune project``."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Command
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import DQN, PPO

import sb3_prune as sp
from sb3_prune import plugins

Refused = Callable[..., str]
ENV = ["--env", "sb3_prune/PlanarArm2-v0"]
FEW = ["--episodes", 3, "--validation-episodes", 2]


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Agents with different arms, algorithms and depths."""
    folder = tmp_path_factory.mktemp("arms")
    two, three = (make_arm_vec(1, n_joints=n) for n in (2, 3))
    joint = make_arm_vec(1, n_joints=2, action_mode="joint")
    small: dict[str, Any] = {"policy_kwargs": {"net_arch": [8, 6]}, "seed": 0}
    deep: dict[str, Any] = {"policy_kwargs": {"net_arch": [8, 6, 4]}, "seed": 1}
    agents = {
        "two": sp.BranchingDQN(sp.BranchingDQNPolicy, two, **small),
        "three": sp.BranchingDQN(sp.BranchingDQNPolicy, three, **deep),
        "stock": DQN("MlpPolicy", joint, **small),
        "tanh": PPO("MlpPolicy", two, n_steps=64, **small),
    }
    for name, agent in agents.items():
        agent.save(folder / f"{name}.zip")
    return {name: folder / f"{name}.zip" for name in agents}


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "projection.json").read_text())
    return content


def test_onto_itself_greedily(
    command: Command, zips: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = [zips["two"], zips["two"], *ENV, *FEW, "--method", "greedy", "--out", out]
    result = command("project", *line)
    assert (result.code, result.err) == (0, "")
    found = read(out)["projections"]["agent"]
    assert (found["error"], found["saturation"], found["penalty"]) == (0, 0, None)
    lines = [row.split() for row in result.out.splitlines()]
    assert lines[:3] == [["agent"], ["error", "0.000"], ["saturation", "0.000"]]
    assert lines[7] == ["layer", "1", "layer", "2"]
    assert lines[8][:2] == ["layer", "1"]
    assert lines[8][3] == "0%"
    assert lines[10][0] == "nothing"
    assert result.out.endswith("out has layers.png, projection.json\n")


def test_beside_a_random_network(
    command: Command, zips: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = [zips["three"], zips["two"], *ENV, *FEW, "--out", out]
    line += ["--penalty", 1, "--inputs", "naive", "--random-baseline"]
    result = command("project", *line)
    assert (result.code, result.err) == (0, "")
    assert result.out.split()[:2] == ["agent", "random"]
    content = read(out)
    assert content["input_transform"] == "naive"
    assert content["env"]["kwargs"] == {"action_mode": "branch"}
    found = content["projections"]
    assert found["agent"]["error"] != found["random"]["error"]
    assert found["agent"]["penalty"] == 1
    assert [len(found["agent"]["layers"]), len(found["agent"]["layers"][0])] == [3, 2]
    assert (out / "layers.png").read_bytes().startswith(b"\x89PNG")


def test_the_folder_is_beside_the_target(
    command: Command, refused: Refused, zips: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "target.zip"
    target.write_bytes(zips["stock"].read_bytes())
    line = ["project", zips["two"], target, *ENV, *FEW, "--penalty", 1]
    assert command(*line).code == 0
    folder = tmp_path / "projection"
    assert read(folder)["env"]["kwargs"] == {"action_mode": "joint"}
    assert "pass --overwrite" in refused(*line)
    assert command(*line, "--overwrite", "--seed", 5).code == 0
    assert read(folder)["seed"] == 5
    message = refused(*line, "--overwrite", "--out", tmp_path)
    assert "exists and has no projection.json" in message


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--method", "cubic"], "Unknown projection method 'cubic'."),
        (["--inputs", "balance"], "Did you mean 'balanced'?"),
        (["--penalty", "-1"], "--penalty must be finite and at least 0, got -1.0."),
        (["--penalty", "nan"], "--penalty must be finite and at least 0, got nan."),
        (["--episodes", "0"], "--episodes must be at least 1"),
        (["--validation-episodes", "0"], "--validation-episodes must be at least 1"),
        (["--seed", "-1"], "--seed must be in [0, 2**32)"),
        (["--env", "Pendulm-v1"], "Unknown environment"),
        (["--env", "sb3_prune/PlanarArm3-v0"], "is for another environment"),
        (["--env-kwargs", "nonsense"], "expected KEY=VALUE"),
        (["--algo", "dqm"], "Unknown algorithm"),
    ],
)
def test_bad_input(
    more: list[str],
    message: str,
    refused: Refused,
    zips: dict[str, Path],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    line = [zips["three"], zips["two"], *ENV, "--out", out]
    assert message in refused("project", *line, *more)
    assert not out.exists()


def test_agents_that_do_not_fit_are_refused_quickly(
    refused: Refused, zips: dict[str, Path], sac_zip: Path, tmp_path: Path
) -> None:
    out = ["--out", tmp_path / "out", "--episodes", 10**9]
    message = refused("project", sac_zip, zips["two"], *ENV, *out)
    assert "convert between planar arms" in message
    message = refused("project", zips["tanh"], zips["two"], *ENV, *out)
    assert "is negative" in message


@pytest.mark.parametrize("missing", ["source", "target"])
def test_a_zip_that_is_not_there(
    missing: str, refused: Refused, zips: dict[str, Path], tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing.zip"
    pair = [nothing, zips["two"]] if missing == "source" else [zips["two"], nothing]
    message = refused("project", *pair, *ENV, "--out", tmp_path / "out")
    assert "nothing.zip' does not exist" in message


def test_one_zip_is_not_enough(refused: Refused, zips: dict[str, Path]) -> None:
    assert "TARGET.ZIP" in refused("project", zips["two"], *ENV)


def test_without_the_plugin_there_is_no_such_command(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "commands", dict)
    assert "Unknown command 'project'. Known: analyze, " in refused("project")


@pytest.mark.slow
def test_an_agent_with_critics_has_long_labels(
    command: Command, sac_zip: Path, tmp_path: Path
) -> None:
    line = [sac_zip, sac_zip, "--env", "Pendulum-v1", "--out", tmp_path / "out"]
    few = ["--episodes", 1, "--validation-episodes", 1, "--method", "greedy"]
    result = command("project", *line, *few)
    assert (result.code, result.err) == (0, "")
    assert "qf1 2" in result.out


@pytest.mark.slow
def test_statistics_of_the_target(
    command: Command, zoo_zip: Path, tmp_path: Path
) -> None:
    """The source sees what the target sees, so a source of other ones is named."""
    source = shutil.copy(zoo_zip, tmp_path / "source.zip")
    more = [*FEW, "--method", "greedy", "--out"]
    result = command("project", zoo_zip, zoo_zip, *more, tmp_path / "a")
    assert result.code == 0, result.err
    assert "observations normalised by vecnormalize.pkl" in result.err
    assert "warning" not in result.err
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = command("project", source, zoo_zip, *more, tmp_path / "b")
    assert "warning: The source sees the observations of the target" in result.err
