"""Tests for cli/best.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import PPO

import sb3_prune as sp
from cli.conftest import ON, Command
from sb3_prune.callbacks import PruningCallback
from sb3_prune.cli.best import Best
from sb3_prune.evaluation.episodes import Evaluation
from sb3_prune.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("no_figures")
PPO_ARGUMENTS = ["--algo", "ppo", "--env", "CartPole-v1", "--net-arch", "8", "8"]
PPO_ARGUMENTS += ["--timesteps", "256", "--eval-every", "32", "--eval-episodes", "2"]


def units(path: Path) -> int:
    return sum(sp.wire(PPO.load(path)).units().values())


@pytest.mark.slow
def test_the_command_keeps_the_best_small_agent(
    command: Command, tmp_path: Path
) -> None:
    given = [*PPO_ARGUMENTS, "--final-sparsity", "0.5", "--end", "0.5", "--keep-best"]
    out = tmp_path / "run"
    line = ["train", *given, "--out", out, "--no-verify", "--algo-kwargs", *ON]
    assert command(*line).code == 0
    best, last = (path / "model.zip" for path in (out / "best", out))
    assert units(best) == units(last)
    result = command("evaluate", best, "--episodes", "1")
    assert result.code == 0 and "environment CartPole-v1" in result.err
    without = [each for each in line if each != "--keep-best"]
    assert command(*without, "--overwrite").code == 0
    assert not best.exists()


@pytest.mark.parametrize("more", [["--eval-episodes", "0"]])
def test_without_evaluations_there_is_no_best(
    more: list[str], command: Command, tmp_path: Path
) -> None:
    line = ["train", *PPO_ARGUMENTS, "--out", tmp_path / "run", "--keep-best", *more]
    result = command(*line)
    assert (result.code, "--keep-best needs" in result.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_only_better_agents_without_spare_units_are_kept(tmp_path: Path) -> None:
    class Folder:
        """Remembers what it should save."""

        path = tmp_path

        def write_json(self, name: str, content: Any) -> None:
            pass

        def save(self, name: str, model: Any) -> None:
            saved.append(model)

    def result(mean: float) -> Evaluation:
        rest: dict[str, Any] = {"std_return": 0.0, "interval": None, "success": None}
        return Evaluation(episodes=1, mean_return=mean, mean_length=1.0, **rest)

    saved: list[Any] = []
    pruning = PruningCallback()
    best = Best(RunFolder(tmp_path), {}, pruning)
    best.folder = Folder()  # type: ignore[assignment]
    best("dense", result(9.0))  # type: ignore[arg-type]
    pruning.done = True
    for name, mean in {"a": 1.0, "b": 3.0, "c": float("nan"), "d": 3.0}.items():
        best(name, result(mean))  # type: ignore[arg-type]
    assert saved == ["a", "b"] and best.mean_return == 3.0
