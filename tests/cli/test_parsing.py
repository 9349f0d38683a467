"""Tests for cli/parsing.py."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import Literal

import pytest

from sb3_prune.cli.parsing import UsageError, parse, summarize


@dataclass(frozen=True, kw_only=True)
class Options:
    """Do something."""

    count: int
    """How often."""
    mode: Literal["slow", "fast"] = "slow"
    """How fast."""
    loud: bool = False
    """Say so."""


ASCII = str.maketrans(dict.fromkeys("╭╮╰╯│", " ") | {"─": "-"})


def fail(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(Options, arguments, "do")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_are_typed() -> None:
    assert parse(Options, ["--count", "3", "--loud"], "do") == Options(
        count=3, loud=True
    )


def test_help_shows_docstrings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(Options, ["--help"], "do")
    assert caught.value.code in (0, None)
    out = capsys.readouterr().out
    assert "usage: sb3-prune do" in out
    for text in ("Do something.", "How often.", "(required)", "{slow,fast}"):
        assert text in out


@pytest.mark.parametrize("columns", ["40", "88", "200"])
def test_mistakes_are_one_line(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert fail() == "Missing from sb3-prune do: --count. See sb3-prune do --help."
    assert fail("--count", "3", "--lood").startswith(
        "Unrecognized options: --lood. Did you mean --loud?"
    )
    assert "--count: invalid literal for int()" in fail("--count", "x")
    assert "'slow', 'fast'" in fail("--count", "3", "--mode", "x")
    assert "Missing value for argument '--count'" in fail("--count")
    assert "stray" in fail("--count", "3", "stray")


BOX = """\
╭─ Wrong ──────────╮
│ What is wrong:   │
│     --x INT      │
│         Its help │
│ ──────────────── │
│ Perhaps you meant │
│     --y INT      │
│ ──────────────── │
│ See --help       │
╰──────────────────╯
"""


@pytest.mark.parametrize("box", [BOX, BOX.translate(ASCII)])
def test_summary(box: str) -> None:
    assert summarize(box) == "What is wrong: --x. Did you mean --y?"


def test_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert fail().startswith("Missing from sb3-prune do: --count.")
