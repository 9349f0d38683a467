"""Tests for cli/plugins.py."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cli.conftest import Command
from cli.third_party import Plugin
from sb3_prune.cli import plugins as module
from sb3_prune.plugins.info import PluginInfo


def test_text(command: Command, third_party: Callable[[object], None]) -> None:
    third_party(Plugin())
    result = command("plugins")
    assert (result.code, result.err) == (0, "")
    assert "baselines  sb3-prune" in result.out
    assert "magnitude, random" in result.out
    assert "third-party-0  added by hand  active" in result.out
    assert "strategies: drop-first, seeded" in result.out


def test_json(command: Command) -> None:
    found = {
        info["name"]: info for info in json.loads(command("plugins", "--json").out)
    }
    assert found["baselines"]["status"] == "active"
    assert {"magnitude", "random"} <= {*found["baselines"]["registered"]["strategies"]}


def test_why_a_plugin_is_left_out(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = PluginInfo(name="x", distribution="y", status="failed", reason="Ouch.")
    monkeypatch.setattr(module, "installed", lambda: [failed])
    assert command("plugins").out == "x  y  failed\n    Ouch.\n"
