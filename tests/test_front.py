"""Tests for front.py: the names of ``sb3_prune``, and what an import of it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sb3_prune
from sb3_prune import algorithms, front, policies

NAMES = sorted({*sb3_prune.__all__, *policies.__all__})


def loaded(code: str, *modules: str) -> list[str]:
    """Run code in a fresh interpreter; return which of the modules it has loaded."""
    code += f"\nimport sys; print(*sorted(set({modules}) & set(sys.modules)))"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return done.stdout.split()


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_at_the_front_door(name: str) -> None:
    assert getattr(sb3_prune, name) is getattr(front, name)
    assert name in dir(sb3_prune)


def test_all_is_what_most_users_type() -> None:
    there: dict[str, object] = {}
    exec("from sb3_prune import *", there)
    assert set(there) - {"__builtins__"} == set(sb3_prune.__all__)
    classes = {name for name in policies.__all__ if name[0].isupper()}
    assert set(sb3_prune.__all__) >= classes | set(algorithms.__all__)


@pytest.mark.slow
def test_packages_below_are_attributes() -> None:
    code = "import sb3_prune as sp; assert sp.surgery.remove is sp.remove; sp.testing"
    assert loaded(code, "sb3_prune.testing") == ["sb3_prune.testing"]


@pytest.mark.parametrize("name", ["prun", "_prune", "__wrapped__", "frontier"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'sb3_prune' has no attribute '{name}'"):
        getattr(sb3_prune, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from sb3_prune import {name}")


def test_an_import_loads_next_to_nothing() -> None:
    assert loaded("import sb3_prune", "torch", "gymnasium", "numpy", "pluggy") == []


@pytest.mark.slow
def test_the_names_load_neither_scipy_nor_matplotlib() -> None:
    heavy = ("scipy", "matplotlib", "PIL", "mujoco", "tyro", "torch")
    bare = loaded("import stable_baselines3", *heavy)  # 2.7 loads Matplotlib itself.
    assert loaded("from sb3_prune import *", *heavy) == bare


@pytest.mark.parametrize("first", ["sb3_prune", "gymnasium"])
def test_an_import_registers_the_arms(first: str) -> None:
    code = f"import {first}, sb3_prune, gymnasium\n"
    assert loaded(code + "gymnasium.make('sb3_prune/PlanarArm3-v0')", "torch") == []
