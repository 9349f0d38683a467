"""Tests for cli/analyze.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sb3_prune_envs import make_arm_vec

import sb3_prune as sp
from cli.conftest import Command
from sb3_prune import plugins
from sb3_prune.analysis import Analysis, LayerValues
from sb3_prune.cli import analyze
from sb3_prune.exceptions import ConfigError
from sb3_prune.plugins import hookimpl
from sb3_prune.recording import Recording

Refused = Callable[..., str]
PNG = b"\x89PNG"
ALL = [
    "activation-entropy",
    "dendrograms",
    "distances",
    "dormancy",
    "effective-rank",
    "entropy",
]
ALL += ["redundancy"]


class Nothing(Analysis):
    """Finds a number for each layer, or fails."""

    name = "nothing"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """What to find."""

        answer: int = 42
        """The number."""

    def analyze(self, recording: Recording) -> LayerValues:
        """Return the number."""
        if "q_net.q_net.0" not in recording.activations:
            raise ConfigError("Nothing here.")
        values = {la: {"answer": self.config.answer} for la in recording.activations}
        return LayerValues(title="Nothing at all", ylabel="answer", values=values)


class Plugin:
    """Registers it."""

    @hookimpl
    def register_analyses(self, register: Callable[[type], None]) -> None:
        register(Nothing)


@pytest.fixture
def arm_zip(tmp_path: Path) -> Path:
    """An agent that moves an arm, in a folder of its own."""
    path = tmp_path / "run" / "model.zip"
    path.parent.mkdir()
    arms = make_arm_vec(1, n_joints=2)
    kwargs: dict[str, Any] = {"net_arch": [6, 4]}
    model = sp.BranchingDQN(sp.BranchingDQNPolicy, arms, policy_kwargs=kwargs, seed=0)
    model.save(path)
    return path


@pytest.fixture
def line(arm_zip: Path) -> list[object]:
    env = "sb3_prune/PlanarArm2-v0"
    return ["analyze", arm_zip, "--env", env, "--episodes", 3]


@pytest.fixture
def playing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyze, "record_episodes", lambda *_, **__: pytest.fail())


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "analysis.json").read_text())
    return content


@pytest.mark.slow
def test_everything_installed_lands_beside_the_zip(
    command: Command, line: list[object], arm_zip: Path
) -> None:
    result = command(*line)
    assert (result.code, result.err) == (0, "")
    folder = arm_zip.parent / "analysis"
    pictures = [f"{name}.png" for name in ALL]
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        [*pictures, "analysis.json"]
    )
    assert all((folder / name).read_bytes().startswith(PNG) for name in pictures)
    content = read(folder)
    assert list(content["analyses"]) == ALL
    assert content["analyses"]["dormancy"]["options"] == {"thresholds": [0.025, 0.1]}
    assert list(content["analyses"]["dormancy"]["agent"]) == list(
        content["analyses"]["entropy"]["agent"]["binary"]
    )
    assert content["agents"]["agent"]["units"] == 10
    assert content["agents"]["agent"]["steps"] == 180
    assert content["env"]["kwargs"] == {"action_mode": "branch"}


def test_the_summary(command: Command, line: list[object]) -> None:
    out = command(*line, "--analysis", "effective-rank").out.splitlines()
    assert out[0].startswith("agent   3 episodes, 180 steps, 10 units, ")
    assert out[0].endswith(" mean reward per episode")
    assert out[2] == "effective-rank: Directions that a layer uses"
    assert out[3].split() == ["srank", "effective", "rank", "units"]
    assert out[4].split()[:2] == ["layer", "1"]
    assert out[4].endswith(" 6")
    assert out[-1].endswith("analysis has effective-rank.png, analysis.json")


def test_beside_a_random_network(
    command: Command, line: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "a" / "b"
    line += ["--analysis", "dormancy, entropy", "--out", out]
    result = command(*line, "--compare-random")
    assert (result.code, result.err) == (0, "")
    assert "dormancy: " in result.out
    assert "(agent / random)\n" in result.out
    assert "\nrandom  3 episodes" in result.out
    content = read(out)
    assert list(content["analyses"]) == ["dormancy", "entropy"]
    found = content["analyses"]["entropy"]
    assert found["agent"] != found["random"]


@pytest.mark.slow
def test_equal_seeds_give_equal_numbers(command: Command, line: list[object]) -> None:
    line += ["--analysis", "distances", "--compare-random", "--json", "--overwrite"]
    runs = [json.loads(command(*line, "--seed", seed).out) for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0]["analyses"] != runs[2]["analyses"]


def test_json_is_that_of_the_file(
    command: Command, line: list[object], arm_zip: Path
) -> None:
    printed = command(*line, "--analysis", "dormancy", "--json").out
    assert json.loads(printed) == read(arm_zip.parent / "analysis")


@pytest.mark.slow
def test_an_agent_with_critics(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    line = ["analyze", sac_zip, "--env", "Pendulum-v1", "--episodes", 1]
    result = command(*line, "--out", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    assert "qf0 1" in result.out


def test_an_analysis_of_somebody_else(
    command: Command, line: list[object], third_party: Callable[[object], None]
) -> None:
    third_party(Plugin())
    result = command(*line, "--analysis", "nothing")
    assert "nothing: Nothing at all\n" in result.out
    assert "    layer 1      42\n" in result.out


@pytest.mark.slow
def test_an_analysis_that_fails_leaves_nothing(
    refused: Refused,
    sac_zip: Path,
    tmp_path: Path,
    third_party: Callable[[object], None],
) -> None:
    third_party(Plugin())
    line = ["analyze", sac_zip, "--env", "Pendulum-v1", "--episodes", 1]
    out = tmp_path / "out"
    assert "Nothing here." in refused(*line, "--analysis", "nothing", "--out", out)
    assert not out.exists()


@pytest.mark.slow
def test_an_existing_folder(
    command: Command, refused: Refused, line: list[object], arm_zip: Path
) -> None:
    assert command(*line, "--analysis", "dormancy").code == 0
    assert "pass --overwrite" in refused(*line)
    folder = arm_zip.parent / "analysis"
    (folder / "notes.txt").write_text("precious")
    assert command(*line, "--analysis", "entropy", "--overwrite").code == 0
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["analysis.json", "entropy.png", "notes.txt"]
    assert list(read(folder)["analyses"]) == ["entropy"]


def test_a_folder_of_something_else(
    refused: Refused, line: list[object], arm_zip: Path
) -> None:
    for out in (arm_zip.parent, arm_zip):
        message = refused(*line, "--out", out, "--overwrite")
        assert "exists and has no analysis.json: choose another" in message
    assert "cannot be created" in refused(*line, "--out", arm_zip / "below")


@pytest.mark.usefixtures("playing_fails")
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--episodes", "0"], "--episodes must be at least 1, got 0."),
        (["--seed", "-1"], "--seed must be in [0, 2**32), got -1."),
        (["--analysis", "dormency"], "Unknown analysis 'dormency'. Did you mean"),
        (["--analysis", "entropy,none"], "Unknown analysis 'none'."),
        (["--env", "CartPole-v1"], "is for another environment"),
        (["--env", "sb3_prune/PlanarArm3-v0"], "is for another environment"),
        (["--env", "Pendulm-v1"], "Unknown environment"),
        (["--env-kwargs", "nonsense"], "expected KEY=VALUE"),
        (["--env-kwargs", "no_such=1"], "cannot be made"),
        (["--algo", "dqm"], "Unknown algorithm"),
        (["--analysys", "entropy"], "Did you mean --analysis"),
    ],
)
def test_bad_input_before_anything_is_played(
    more: list[str],
    message: str,
    refused: Refused,
    line: list[object],
    arm_zip: Path,
) -> None:
    assert message in refused(*line, *more)
    assert not (arm_zip.parent / "analysis").exists()


def test_a_zip_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    line = [tmp_path / "nowhere" / "x.zip", "--env", "Pendulum-v1"]
    assert "does not exist" in refused("analyze", *line)


def test_without_any_analysis(
    refused: Refused, line: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "analyses", dict)
    assert "No plug-in has an analysis" in refused(*line)
