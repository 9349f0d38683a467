"""Tests for docs/report.md."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cli.conftest import Command, command

from reporting.made import whole_run
from sb3_prune.cli.lines import check

__all__ = ["command"]
PAGE = Path(__file__).parents[2] / "docs" / "report.md"
TEXT = PAGE.read_text("utf-8")
REPORT, CARD = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
LINES = re.findall(r"^\$ sb3-prune (.+)$", TEXT, re.MULTILINE)


def test_the_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dense-1", "pruned-1"):
        whole_run(Path("runs") / name)
    exec(REPORT, {})
    exec(CARD, {})
    assert Path("report.html").is_file() and Path("hub/README.md").is_file()


def test_what_the_card_says_of_its_folder(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = ("model.zip", "plain.zip", "learning.png", "widths.png")
    whole_run(Path("runs/pruned"), files=files)
    (line,) = [each for each in LINES if each.startswith("card")]
    assert f"$ sb3-prune {line}\n{command(*shlex.split(line)).out}" in TEXT


@pytest.mark.parametrize("line", LINES)
def test_the_lines_are_understood(line: str) -> None:
    name, *arguments = shlex.split(line)
    check(name, arguments)


@pytest.mark.slow
def test_the_error_without_sb3_prune() -> None:
    """As SB3 answers in a process in which sb3_prune cannot be imported."""
    from stable_baselines3 import PPO

    from sb3_prune.exceptions import CompactError
    from sb3_prune.exporting.verification import plain_actions

    fixture = PAGE.parents[1] / "tests" / "fixtures" / "PPO.zip"
    with pytest.raises(CompactError, match=r"No module named 'sb3_prune'$"):
        plain_actions(fixture, PPO, {})
