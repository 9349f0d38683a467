"""Tests for checks.py."""

from typing import Any

import numpy as np
import pytest
from sb3_prune_envs.checks import (
    check_choice,
    check_count,
    check_positive,
    is_finite_number,
)


def test_good_values_pass() -> None:
    check_count("n", 1)
    check_positive("x", np.float32(0.5))
    check_choice("mode", "a", ("a", "b"))


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None])
def test_count(value: Any) -> None:
    with pytest.raises(ValueError, match=f"n must be an integer.*not {value!r}"):
        check_count("n", value)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "1", None])
def test_positive(value: Any) -> None:
    with pytest.raises(ValueError, match=f"x must be finite.*not {value!r}"):
        check_positive("x", value)


def test_choice() -> None:
    with pytest.raises(ValueError, match=r"mode must be one of \('a', 'b'\), not 'c'"):
        check_choice("mode", "c", ("a", "b"))


def test_numbers() -> None:
    assert is_finite_number(3)
    assert not is_finite_number(float("nan"))
    assert not is_finite_number("3")
