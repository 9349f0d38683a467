"""Tests for cli/folders.py."""

from __future__ import annotations

from pathlib import Path

from sb3_prune.cli.folders import CardOptions, CompareOptions, ReportOptions
from sb3_prune.cli.parsing import parse


def test_runs_are_listed_without_a_name() -> None:
    for cls in (CompareOptions, ReportOptions):
        options = parse(cls, ["a", "b", "--overwrite"], "x")
        assert options.runs == (Path("a"), Path("b"))
        assert options.overwrite and options.out is None


def test_a_card_is_of_one_run() -> None:
    options = parse(CardOptions, ["a", "--out", "b"], "card")
    assert (options.run, options.out) == (Path("a"), Path("b"))
