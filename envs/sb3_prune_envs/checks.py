"""Checks of single values; each error names the value and what was expected."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any


def check_count(name: str, value: Any) -> None:
    """Check that a value is an integer of at least 1.

    Raises:
        ValueError: If the value is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")


def check_positive(name: str, value: Any) -> None:
    """Check that a value is a finite number greater than 0.

    Raises:
        ValueError: If the value is anything else.
    """
    if not (is_finite_number(value) and value > 0):
        raise ValueError(f"{name} must be finite and greater than 0, not {value!r}")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Check that a value is one of the choices.

    Raises:
        ValueError: If the value is no choice; the message lists the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, not {value!r}")


def is_finite_number(value: Any) -> bool:
    """Return whether a value is a real number, neither infinite nor NaN."""
    return isinstance(value, Real) and math.isfinite(value)
