"""Tests for arrival.py."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest
from sb3_prune_envs.arrival import when_imported


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module that can be imported, and is not yet."""
    (tmp_path / "arrives_late.py").write_text("ready = False\nready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "arrives_late", raising=False)
    return "arrives_late"


def test_it_acts_once_when_the_module_is_whole(module: str) -> None:
    seen: list[bool] = []
    finders = list(sys.meta_path)
    when_imported(module, lambda: seen.append(sys.modules[module].ready))
    importlib.import_module("json")
    assert seen == []
    importlib.import_module(module)
    assert seen == [True]
    assert sys.meta_path == finders
    importlib.reload(sys.modules[module])
    assert seen == [True]


def test_it_acts_at_once_for_a_module_that_is_there() -> None:
    seen: list[int] = []
    when_imported("sys", lambda: seen.append(1))
    assert seen == [1]


def test_a_module_that_does_not_exist_fails_as_ever() -> None:
    when_imported("never_arrives", lambda: pytest.fail("acted"))
    with pytest.raises(ModuleNotFoundError, match="No module named 'never_arrives'"):
        importlib.import_module("never_arrives")


def test_whoever_only_looks_for_it_does_not_stop_it(module: str) -> None:
    seen: list[bool] = []
    when_imported(module, lambda: seen.append(sys.modules[module].ready))
    for _ in range(2):
        assert importlib.util.find_spec(module) is not None
    assert seen == []
    importlib.import_module(module)
    assert seen == [True]
