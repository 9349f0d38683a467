"""Tests for cli/compact.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from stable_baselines3 import SAC

from cli.conftest import Command

Refused = Callable[..., str]


def test_the_zip_is_plain(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "plain.zip"
    result = command("compact", sac_zip, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{out} is written: load it by stable_baselines3.SAC.load\n"
    assert type(SAC.load(out).policy) is SAC.policy_aliases["MlpPolicy"]


def test_verify(command: Command, sac_zip: Path, tmp_path: Path) -> None:
    result = command("compact", sac_zip, "--out", tmp_path / "plain.zip", "--verify")
    assert result.code == 0
    assert "its actions are equal" in result.out


def test_a_zip_that_acts_differently(
    command: Command,
    sac_zip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sb3_prune.cli.compact.loads_equal", lambda *_: False)
    result = command("compact", sac_zip, "--out", tmp_path / "plain.zip", "--verify")
    assert result.code == 2
    assert "acts differently" in result.err


def test_an_existing_file(
    command: Command, refused: Refused, sac_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "plain.zip"
    out.write_text("precious")
    assert "exists: choose another" in refused("compact", sac_zip, "--out", out)
    assert command("compact", sac_zip, "--out", out, "--overwrite").code == 0
    SAC.load(out)


def test_a_target_that_cannot_be(
    refused: Refused, sac_zip: Path, tmp_path: Path
) -> None:
    for out in (tmp_path, tmp_path / "nowhere" / "plain.zip"):
        assert "must be a file" in refused("compact", sac_zip, "--out", out)


def test_a_truncated_zip(refused: Refused, sac_zip: Path, tmp_path: Path) -> None:
    (tmp_path / "agent.zip").write_bytes(sac_zip.read_bytes()[:-100])
    out = tmp_path / "plain.zip"
    assert "truncated" in refused("compact", tmp_path / "agent.zip", "--out", out)
