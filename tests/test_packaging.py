"""Tests for pyproject.toml and constraints.txt: what is shipped, and what is pinned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PINS = (ROOT / "constraints.txt").read_text("utf-8")
EXTRAS = PROJECT["project"]["optional-dependencies"]
ASKED = [*PROJECT["project"]["dependencies"], *(x for e in EXTRAS.values() for x in e)]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_every_plugin_is_shipped_and_checked() -> None:
    folders = [*(ROOT / "plugins").glob("sb3_prune_*"), ROOT / "envs/sb3_prune_envs"]
    paths = {"sb3_prune", *(str(f.relative_to(ROOT)) for f in folders)}
    assert paths == set(PACKAGES) == set(PROJECT["tool"]["mypy"]["files"])


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_asked_for_is_pinned_at_no_less(asked: str) -> None:
    name, least = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", asked).groups()  # type: ignore[union-attr]
    spelled = name.replace("-", "[-_.]")
    found = re.search(rf"^{spelled}==(.+)$", PINS, re.MULTILINE | re.IGNORECASE)
    assert found, name
    pinned, lowest = (tuple(map(int, v.split("."))) for v in (found[1], least))
    assert pinned >= lowest
