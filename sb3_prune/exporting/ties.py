"""Ties: choices that differ where the agent itself sees no difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

STEPS = 8
"""Scores that are so few steps of float32 apart count as equal: an export may add
numbers up one by one, each time rounding by half a step."""


def limit(scores: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the largest difference at which two scores are as good as equal.

    Not the size of scores but their spread is the measure: of values between 0 and
    1e-5, one that is less by 1e-6 is worse.

    Args:
        scores: Logits or values, (..., choices).
        tolerance: Share of the spread.
    """
    largest = np.abs(scores).max(axis=-1).astype(np.float32)
    spread = tolerance * np.ptp(scores, axis=-1)
    found: np.ndarray = np.maximum(spread, STEPS * np.spacing(largest))
    return found


def tied(
    space: spaces.Space[Any],
    scores: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    tolerance: float,
    granted: float = 0.0,
    allowed: np.ndarray | None = None,
) -> bool:
    """Tell whether two choices are equally good to an agent.

    Args:
        space: The space of actions.
        scores: The logits or values of all choices, those of branches side by side;
            one for each bit of ``MultiBinary``, or two.
        one: A choice in each branch, (branches,).
        other: Other choices, (branches,).
        tolerance: Largest difference of two scores, as a share of the spread of those
            between which the agent chooses, see :func:`limit`.
        granted: A difference that is accepted anyway.
        allowed: Which choices a mask allows, side by side; None: all.
    """
    if isinstance(space, spaces.MultiBinary) and len(scores) == len(one):
        # Beside each logit stands 0, and a probability near 0.5 has the steps of 1.
        least = STEPS * np.spacing(np.float32(1))
        most = max(granted, least, limit(np.append(scores, 0), tolerance))
        return bool((np.abs(scores)[one != other] <= most).all())
    chosen = zip(one.astype(int), other.astype(int), strict=True)
    for part, (ours, its) in zip(_branches(space, len(one)), chosen, strict=True):
        # What a mask forbids has a score of -1e8, which is no measure.
        rivals = scores[part] if allowed is None else scores[part][allowed[part]]
        most = max(granted, limit(rivals, tolerance))
        if not abs(scores[part][ours] - scores[part][its]) <= most:
            return False
    return True


def _branches(space: Any, bits: int) -> Iterator[slice]:
    """Yield where the scores of each branch are."""
    known: Mapping[type, Any] = {
        spaces.Discrete: [getattr(space, "n", 0)],
        spaces.MultiDiscrete: np.ravel(getattr(space, "nvec", ())),
        spaces.MultiBinary: [2] * bits,
    }
    begin = 0
    for size in known[type(space)]:
        yield slice(begin, begin + int(size))
        begin += int(size)
