"""Tests for sb3_prune_export/c/compilers.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from sb3_prune_export.c.compilers import compiler, shared_library

from sb3_prune.exceptions import ExportError

from . import running


def test_without_a_compiler_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ExportError, match="there is no compiler: install one of cc"):
        compiler()


def test_the_variable_cc_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    running.require("gcc")
    monkeypatch.setenv("CC", "gcc -pipe")
    assert compiler() == ["gcc", "-pipe"]


@pytest.mark.parametrize("command", ["no-such-compiler -O2", "gcc '", "''"])
def test_a_missing_cc_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    running.require("gcc")
    monkeypatch.setenv("CC", command)
    with pytest.raises(ExportError, match=r"CC is .*no such .* There are: .*gcc"):
        compiler()


def test_an_empty_cc_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    running.require("gcc")
    monkeypatch.setenv("CC", " ")
    assert compiler()


def test_code_that_is_none_is_refused(tmp_path: Path) -> None:
    running.require("gcc")
    source = tmp_path / "broken.c"
    source.write_text("int f(void) { return x; }")
    with pytest.raises(ExportError, match=r"'broken.c' does not compile"):
        shared_library(source, tmp_path / "broken.so")
    assert not (tmp_path / "broken.so").exists()
