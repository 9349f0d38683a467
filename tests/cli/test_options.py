"""Tests for cli/options.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sb3_prune.cli.options import RunOptions
from sb3_prune.exceptions import ConfigError, RunFolderError


def options(tmp_path: Path, **changes: Any) -> RunOptions:
    return RunOptions(**({"env": "x", "out": tmp_path / "run"} | changes))


def test_the_defaults_pass(tmp_path: Path) -> None:
    options(tmp_path).check()
    options(tmp_path, eval_every=3, learning_rate=1e-3, eval_episodes=0).check()
    options(tmp_path, device="auto").check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timesteps", 0),
        ("n_envs", 0),
        ("threads", 0),
        ("threads", 1025),
        ("timesteps", 2**63),
        ("n_envs", 2**16 + 1),
        ("eval_every", 0),
        ("eval_episodes", -1),
        ("seed", -1),
        ("seed", 2**32),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("device", "gpu"),
    ],
)
def test_values_out_of_range(tmp_path: Path, name: str, value: object) -> None:
    flag = name.replace("_", "-")
    with pytest.raises(ConfigError, match=rf"--{flag}.*{value}"):
        options(tmp_path, **{name: value}).check()


def test_the_folder_must_be_free(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        options(tmp_path, out=tmp_path).check()
