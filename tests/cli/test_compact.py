"""Tests for cli/compact.py."""

from __future__ import annotations

import importlib
import sys
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


@pytest.mark.slow
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
    monkeypatch.setattr("sb3_prune.cli.plain.loads_equal", lambda *_: False)
    out = tmp_path / "plain.zip"
    assert command("compact", sac_zip, "--out", out, "--verify").code == 2
    assert list(tmp_path.iterdir()) == []
    out.write_text("an older zip")
    result = command("compact", sac_zip, "--out", out, "--overwrite", "--verify")
    assert (result.code, result.out) == (2, "")
    assert f"'{out}' would act differently" in result.err
    assert out.read_text() == "an older zip"
    assert list(tmp_path.iterdir()) == [out]


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
    for out in (tmp_path, tmp_path / "nowhere" / "plain.zip", "", "."):
        assert "must be a file" in refused("compact", sac_zip, "--out", out)
    for out in ("/proc/plain.zip", tmp_path / ("é" * 200), "nul\0", sac_zip / "x.zip"):
        assert "cannot be created" in refused("compact", sac_zip, "--out", out)
    for out in ("/dev/null", "/dev/full"):  # A device is not replaced by a file.
        line = ["compact", sac_zip, "--out", out, "--overwrite"]
        assert "must be a file" in refused(*line)


def test_without_a_suffix_it_is_a_zip_as_in_sb3(
    command: Command, sac_zip: Path, tmp_path: Path
) -> None:
    result = command("compact", sac_zip, "--out", tmp_path / "plain")
    assert result.out.startswith(f"{tmp_path / 'plain.zip'} is written")
    assert [file.name for file in tmp_path.iterdir()] == ["plain.zip"]
    SAC.load(tmp_path / "plain")


@pytest.mark.skipif(sys.platform == "win32", reason="ulimit")
def test_a_full_disk(refused: Refused, sac_zip: Path, tmp_path: Path) -> None:
    resource = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        message = refused("compact", sac_zip, "--out", tmp_path / "plain.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in message
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_zip(refused: Refused, sac_zip: Path, tmp_path: Path) -> None:
    (tmp_path / "agent.zip").write_bytes(sac_zip.read_bytes()[:-100])
    out = tmp_path / "plain.zip"
    assert "truncated" in refused("compact", tmp_path / "agent.zip", "--out", out)
