"""Choices are tied if the agent's scores of them are as good as equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from sb3_prune.exporting.ties import tied

TWO = spaces.MultiDiscrete([2, 3])
BITS = spaces.MultiBinary(2)


@pytest.mark.parametrize(
    ("space", "scores", "one", "other", "expected"),
    [
        (spaces.Discrete(3), [1.0, 1.0, 0.0], [0], [1], True),
        (spaces.Discrete(3), [1.0, 1.0, 0.0], [0], [2], False),
        (spaces.Discrete(2), [1e6, 1e6 + 1], [0], [1], True),
        # What is forbidden is far away, and no measure of the others.
        (spaces.Discrete(3), [1.0, 1.1, -1e8], [0], [1], False),
        (TWO, [0.0, 0.0, 5.0, 5.0, 1.0], [0, 0], [1, 1], True),
        (TWO, [0.0, 0.0, 5.0, 5.0, 1.0], [0, 0], [1, 2], False),
        (BITS, [0.0, 3.0], [0, 1], [1, 1], True),
        (BITS, [0.0, 3.0], [0, 1], [0, 0], False),
        (BITS, [2.0, 2.0, 0.0, 1.0], [0, 1], [1, 1], True),
        (BITS, [2.0, 2.0, 0.0, 1.0], [0, 1], [0, 0], False),
    ],
)
def test_ties(space: Any, scores: Any, one: Any, other: Any, expected: bool) -> None:
    given = [np.array(each) for each in (scores, one, other)]
    assert tied(space, *given, 1e-5) == expected


@pytest.mark.parametrize("space", [spaces.Discrete(2), spaces.MultiBinary(2)])
def test_a_difference_may_be_granted(space: Any) -> None:
    scores = np.array([0.5, 0.4])
    one, other = (
        (np.array([0]), np.array([1]))
        if isinstance(space, spaces.Discrete)
        else (np.array([0, 1]), np.array([0, 0]))
    )
    assert not tied(space, scores, one, other, 1e-5)
    assert tied(space, scores, one, other, 1e-5, granted=0.41)
