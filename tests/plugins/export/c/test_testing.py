"""Tests for sb3_prune_export/c/testing.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
