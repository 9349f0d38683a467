"""Tests for docs/command.md; ``python -m cli.test_docs`` in tests/ writes its help."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from pathlib import Path
from unittest import mock

import pytest

from cli.conftest import Command
from sb3_prune.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "command.md"
MARK = re.compile(r"<!-- generated: ([^>]+) -->\n(?:\n```text\n.*?```\n)?", re.DOTALL)


def help_of(line: str) -> str:
    """Return what a command prints to a terminal of 88 columns."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    terminal = mock.patch.dict(os.environ, {"COLUMNS": "88"})
    with terminal, contextlib.redirect_stdout(stream):
        assert main(shlex.split(line)[1:]) == 0
    stream.flush()
    stream.seek(0)
    return "\n".join(row.rstrip() for row in stream.read().splitlines())


def generated(page: str) -> str:
    """Return a page with all its help texts as they are now."""

    def block(match: re.Match[str]) -> str:
        line, text = match[1], help_of(match[1])
        return f"<!-- generated: {line} -->\n\n```text\n$ {line}\n{text}\n```\n"

    return MARK.sub(block, page)


def test_the_help_is_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert generated(page) == page


def test_the_mistakes_are_as_shown(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = re.findall(r"^\$ (.+)\n(sb3-prune: error: .+\n)", PAGE.read_text(), re.M)
    assert len(shown) == 2
    monkeypatch.chdir(tmp_path)
    for line, message in shown:
        assert command(*shlex.split(line)[1:]).err == message


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text("utf-8")), "utf-8")
