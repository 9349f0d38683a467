"""Accepting: how far the actions of an export may be from those of its agent."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

STEPS_OF_FLOATS = 2
"""An unscaled action may be off by so many steps between numbers of its type."""


def accepted(
    space: spaces.Box, expected: np.ndarray, tolerance: float, *, squashed: bool
) -> tuple[Any, Any]:
    """Return which difference of actions is accepted, and up to which more is granted.

    Not the distance of a box from zero but its size is the measure: of actions between
    1000 and 1001, one that is off by 0.01 is wrong.

    Args:
        space: The box of the actions.
        expected: The agent's actions, (batch, ...).
        tolerance: Largest difference, relative to half of the box; where actions are
            clipped, to the largest of them, or 1 if they are less, if this is less.
        squashed: Whether actions are squashed into the box, not clipped to it.

    Returns:
        A difference for each entry of an action, and a larger one that rounding of the
        agent itself may excuse.
    """
    low, high = (np.float64(bound) for bound in (space.low, space.high))
    half = (high - low) / 2
    if squashed:
        farthest = np.maximum(np.abs(space.low), np.abs(space.high))
        most = tolerance * half + STEPS_OF_FLOATS * np.spacing(farthest)
        return most, most
    largest = tolerance * at_least_one(expected).max(axis=0)
    return np.minimum(tolerance * half, largest), largest


def at_least_one(expected: np.ndarray) -> np.ndarray:
    """Return the sizes of numbers, of those below 1 as 1."""
    sizes: np.ndarray = np.maximum(np.abs(expected), 1)
    return sizes
