"""Tests for cli/export.py."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zoo
from exporting.test_normalisation import vecnormalize
from sb3_prune_export.c.compilers import NAMES
from stable_baselines3 import SAC

from cli.conftest import Command
from sb3_prune import load_export
from sb3_prune.exporting.checks import Check

Refused = Callable[..., str]


def test_the_export_acts_as_the_zip(
    command: Command, sac_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "robot"
    line = ["export", sac_zip, "--to", "numpy", "--vecnormalize", "none", "--out", out]
    result = command(*line, "--outputs", "distribution", "value")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{out} is written: load it by")
    assert "on 1000 observations (space):\nits actions differ by at most" in result.out
    raw = np.array([0.1, 0.2, 0.3], np.float32)
    expected, _ = SAC.load(sac_zip).predict(raw, deterministic=True)
    agent = load_export(out)
    np.testing.assert_allclose(agent.predict(raw)[0], expected, atol=2e-5)
    assert {"mean", "log_std", "value"} < set(agent.answers(raw))


def test_statistics_environment_and_options(
    command: Command, sac_zip: Path, tmp_path: Path
) -> None:
    vecnormalize().save(str(tmp_path / "v.pkl"))
    where = ["--vecnormalize", tmp_path / "v.pkl", "--env", "Pendulum-v1"]
    where += ["--env-kwargs", "g=9.8", "--seed", 3]
    out = ["--out", tmp_path / "robot.onnx", "--option", "opset=19"]
    result = command("export", sac_zip, "--to", "onnx", *where, *out)
    assert (result.code, result.err) == (0, "")
    assert "on 3000 observations (space, statistics, episodes)" in result.out


def test_what_was_checked_before_rounding_is_no_promise(
    command: Command, sac_zip: Path, tmp_path: Path
) -> None:
    if not any(map(shutil.which, NAMES)):
        pytest.skip("there is no compiler")
    line = ["export", sac_zip, "--to", "c", "--vecnormalize", "none"]
    result = command(*line, "--out", tmp_path / "a.h", "--option", "int8=true")
    assert (result.code, result.err) == (0, "")
    assert "Before its weights were rounded, it was checked" in result.out
    assert "What rounding does stands in the file" in result.out


def test_choices_that_are_tied_are_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo.trained("DQN").save(tmp_path / "agent.zip")
    exporting = importlib.import_module("sb3_prune.cli.export")
    check = Check(sources={"space": 9}, largest_difference=0.0, ties=5, tolerance=0.0)
    monkeypatch.setattr(exporting, "export", lambda *_, **__: check)
    line = ["export", tmp_path / "agent.zip", "--algo", "DQN", "--to", "numpy"]
    result = command(*line, "--vecnormalize", "none")
    assert result.err == ""
    assert "5 choices differ where the agent sees no difference." in result.out
    assert "at most" not in result.out


def test_bad_input(refused: Refused, sac_zip: Path, tmp_path: Path) -> None:
    line = ["export", sac_zip, "--to", "numpy", "--out", tmp_path / "robot"]
    assert "--vecnormalize must be given" in refused(*line)
    none = ["--vecnormalize", "none"]
    assert "--seed must come with --env" in refused(*line, *none, "--seed", 0)
    both = ["--env-kwargs", "g=9.8", "--seed", 1]
    assert "--env-kwargs and --seed must come" in refused(*line, *none, *both)
    assert "does not exist" in refused(*line, "--vecnormalize", tmp_path / "v.pkl")
    assert "no such option: 'opset'" in refused(*line, *none, "--option", "opset=3")
    assert "distribution, value" in refused(*line, *none, "--outputs", "entropy")
    assert "Unknown exporter 'word'" in refused(*line[:2], "--to", "word", *none)
    assert list(tmp_path.iterdir()) == []
