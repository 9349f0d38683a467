"""Tests for cli/strategies.py."""

from __future__ import annotations

import json
from collections.abc import Callable

from cli.conftest import Command
from cli.third_party import DropFirst, Plugin
from sb3_prune.cli.strategies import describe


def test_text(command: Command, third_party: Callable[[object], None]) -> None:
    third_party(Plugin())
    result = command("strategies")
    assert (result.code, result.err) == (0, "")
    for text in (
        "drop-first\n    Remove the first units of every hidden layer.\n",
        "    Reference: Nobody 2024.\n    --how-many           2\n",
        "magnitude\n",
        "--schedule           cubic\n",
    ):
        assert text in result.out


def test_json(command: Command) -> None:
    found = {s["name"]: s for s in json.loads(command("strategies", "--json").out)}
    assert found["magnitude"]["options"]["networks"] == {
        "type": "tuple[str, ...]",
        "default": [],
    }
    assert found["random"]["summary"].startswith("Remove randomly drawn units")


def test_describe() -> None:
    assert describe(DropFirst) == {
        "name": "drop-first",
        "summary": "Remove the first units of every hidden layer.",
        "reference": "Nobody 2024",
        "options": {"how_many": {"type": "int", "default": 2}},
    }
