"""Tests for cli/card.py."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from reporting.made import whole_run

from cli.conftest import Command


def test_a_folder_for_the_hub(command: Command, tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    result = command("card", run)
    assert (result.code, result.err) == (0, "")
    names = ["README.md", "ppo-CartPole-v1-pruned.zip", "ppo-CartPole-v1.zip"]
    assert result.out.splitlines()[0] == (
        f"{run / 'hub'} has {', '.join([*names, 'results.json'])}"
    )
    assert (
        f"Nothing was uploaded: hf upload YOUR-NAME/MODEL {run / 'hub'}" in result.out
    )


def test_the_line_to_upload_can_be_pasted(command: Command, tmp_path: Path) -> None:
    result = command("card", whole_run(tmp_path / "run"), "--out", tmp_path / "my hub")
    line = result.out.splitlines()[1].removeprefix("Nothing was uploaded: ")
    assert shlex.split(line)[-1] == str(tmp_path / "my hub")


def test_mistakes_are_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    assert "is no run folder" in refused("card", tmp_path)
    assert "exists: choose another folder" in refused("card", run, "--out", tmp_path)
    assert "run" in refused("card").lower()
