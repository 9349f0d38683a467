"""Tests for sb3_prune_export/c/testing.py."""

from __future__ import annotations

from pathlib import Path

import exported
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_prune_export.c.testing import units
from stable_baselines3 import TD3
from torch import nn

from sb3_prune import export

from . import running


def test_a_header_that_computes_something_else_says_so() -> None:
    text, _ = running.written(nn.Linear(3, 2), torch.randn(1, 3))
    gcc = running.require("gcc")
    assert running.measured(text, gcc, "-std=c99") < 1e-6
    broken = text.replace("y[j] +=", "y[j] -=")
    with pytest.raises(AssertionError, match="largest difference"):
        running.measured(broken, gcc, "-std=c99")


def test_nan_where_none_is_expected_fails() -> None:
    text, _ = running.written(nn.ReLU(), torch.ones(1, 2))
    broken = text.replace("x[i] < 0 ? 0 : x[i]", "x[i] < 0 ? 0 : NAN")
    with pytest.raises(AssertionError, match="nan"):
        running.measured(broken, running.require("gcc"), "-std=c99")


def test_nan_where_it_is_expected_passes() -> None:
    nan = torch.tensor([[float("nan"), float("inf")]])
    assert running.difference(nn.ReLU(), nan) == 0


@pytest.mark.parametrize(
    ("half", "action", "seen", "unit"),
    [
        (1.0, 0.5, 0.0, 1.0),
        (5e-5, 2e-5, 0.0, 5e-5),
        (100.0, 50.0, 0.0, 50.0),  # Clipped, perhaps.
        (np.inf, 0.5, 0.0, 1.0),
        (5e-5, 2e-5, 1e-7, 0.1),  # Rounding of what is clipped.
        (0.5, 1000.0, 0.0, 4 * 2**-14 / 1e-5),  # Steps of float32.
    ],
)
def test_actions_are_measured_by_their_box(
    half: float, action: float, seen: float, unit: float
) -> None:
    middle = 1000.0 if action == 1000 else 0.0
    space = spaces.Box(middle - half, middle + half, (1,), np.float32)
    found = units(space, np.float32([[action]]), seen)
    assert found == pytest.approx(unit, rel=1e-3)
    assert units(spaces.Discrete(3), np.array([2]), seen) is None


def test_a_header_for_a_small_box_is_not_too_lenient(tmp_path: Path) -> None:
    gcc = running.require("gcc")
    actions = spaces.Box(-5e-5, 5e-5, (2,), np.float32)
    model = exported.anyhow(exported.BOX, actions, TD3)
    export(model, "c", tmp_path / "net.h", vecnormalize=None)
    text = (tmp_path / "net.h").read_text("utf-8")
    assert running.measured(text, gcc, "-std=c99") < 1e-5
    broken = text.replace("tanhf(", "0.9f * tanhf(")
    assert broken != text
    with pytest.raises(AssertionError, match="largest difference"):
        running.measured(broken, gcc, "-std=c99")


def test_a_box_without_axes_is_measured_as_well() -> None:
    found = units(spaces.Box(-1, 1, ()), np.float32([0.5]), 0.0)
    assert isinstance(found, np.ndarray) and float(found) == 1.0
