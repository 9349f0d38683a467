"""Ties: choices that differ where the agent itself sees no difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces


def tied(
    space: spaces.Space[Any],
    scores: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    tolerance: float,
    granted: float = 0.0,
) -> bool:
    """Tell whether two choices are equally good to an agent.

    Args:
        space: The space of actions.
        scores: The logits or values of all choices, those of branches side by side;
            one for each bit of ``MultiBinary``, or two.
        one: A choice in each branch, (branches,).
        other: Other choices, (branches,).
        tolerance: Largest difference of two scores, relative to them, or to 1 if they
            are less.
        granted: A difference that is accepted anyway.
    """
    if isinstance(space, spaces.MultiBinary) and len(scores) == len(one):
        limit = max(granted, tolerance * max(1.0, float(np.abs(scores).max())))
        return bool((np.abs(scores)[one != other] <= limit).all())
    one, other = one.astype(int), other.astype(int)
    known: Mapping[type, Any] = {
        spaces.Discrete: [getattr(space, "n", 0)],
        spaces.MultiDiscrete: getattr(space, "nvec", ()),
        spaces.MultiBinary: [2] * len(one),
    }
    sizes = known[type(space)]
    begins = np.cumsum([0, *sizes[:-1]])
    # Not by the largest of all: of actions that a mask forbids it is 1e8.
    ours, its = scores[begins + one], scores[begins + other]
    limits = tolerance * np.maximum(1.0, np.maximum(np.abs(ours), np.abs(its)))
    return bool((np.abs(ours - its) <= np.maximum(limits, granted)).all())
