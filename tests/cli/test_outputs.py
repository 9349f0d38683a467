"""Tests for cli/outputs.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import contents
from sb3_prune.cli.outputs import publish


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    files: dict[str, Any] = {"a.png": b"1", "b.json": "no bytes"}
    with pytest.raises(TypeError):
        publish(tmp_path / "new" / "out", files)
    assert contents(tmp_path) == {}
    assert os.listdir(tmp_path / "new") == []
