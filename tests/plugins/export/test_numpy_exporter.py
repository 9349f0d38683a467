"""The exporter numpy keeps the contract, and its files are readable."""

from __future__ import annotations

import ast
from pathlib import Path

import exported
import pytest
from safetensors import safe_open
from sb3_prune_export import NumpyExporter

from sb3_prune import export
from sb3_prune.exceptions import ExportError
from sb3_prune.testing import check_exporter


def test_it_keeps_the_contract() -> None:
    check_exporter(NumpyExporter)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "robot"
    export(exported.agent("PPO-Cnn"), "numpy", path, vecnormalize=None)
    names = sorted(file.name for file in path.iterdir())
    assert names == ["__init__.py", "weights.safetensors"]
    text = (path / "__init__.py").read_text()
    tree = ast.parse(text)
    assert "channels first" in " ".join((ast.get_docstring(tree) or "").split())
    imported = {n.names[0].name for n in ast.walk(tree) if isinstance(n, ast.Import)}
    assert imported == {"json", "math", "numpy"}
    with safe_open(path / "weights.safetensors", "numpy") as file:
        assert "facts" in file.metadata()


def test_damage(tmp_path: Path) -> None:
    path = tmp_path / "robot"
    export(exported.agent("SAC"), "numpy", path, vecnormalize=None)
    (path / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(ExportError, match="cannot be loaded"):
        NumpyExporter.load(path)


def test_any_name(tmp_path: Path) -> None:
    path = tmp_path / 'my """ robot\\N'
    export(exported.agent("SAC"), "numpy", path, vecnormalize=None)
    assert NumpyExporter.load(path).facts["name"] == path.name
