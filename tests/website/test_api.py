"""Tests for api.py: every public name has a place."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("griffe", reason="`make docs` installs griffe")

import sb3_prune as sp
from website.api import INTERNAL, index, modules, names, offered, page

ROOT = Path(__file__).parents[2]
MODULES = {module.path: module for module in modules()}


def test_every_package_has_a_page() -> None:
    there = {p.stem for p in (ROOT / "sb3_prune").iterdir() if p.name[0] not in "_."}
    expected = {f"sb3_prune.{name}" for name in there - {*INTERNAL, "py"}}
    assert set(MODULES) == expected | {"sb3_prune_envs"}


@pytest.mark.parametrize("name", sp.__all__)
def test_every_name_of_the_front_door_is_listed_and_shown(name: str) -> None:
    assert f"[`{name}`][" in index()
    path = index().partition(f"[`{name}`][")[2].partition("]")[0]
    assert path in offered()
    pages = [page(module) for module in MODULES.values()]
    shown = f"\n        - {name}\n"
    assert any(shown in text or f"::: {path}\n" in text for text in pages)


@pytest.mark.parametrize("path", MODULES)
def test_names_of_a_page_can_be_imported(path: str) -> None:
    module = import_module(path)
    found = names(MODULES[path])
    assert found
    for name in found:
        assert getattr(module, name) is not None


def test_what_only_type_checkers_import_is_not_listed() -> None:
    assert "Strategy" not in names(MODULES["sb3_prune.plugins"])
    assert "PluginHost" in names(MODULES["sb3_prune.plugins"])
