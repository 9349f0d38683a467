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
        # Few steps of float32 at 1e6, and more of them.
        (spaces.Discrete(2), [1e6, 1e6 + 0.25], [0], [1], True),
        (spaces.Discrete(2), [1e6, 1e6 + 1], [0], [1], False),
        # The spread is the measure, whether scores are small or large.
        (spaces.Discrete(3), [1e-5, 9e-6, 0.0], [0], [1], False),
        (spaces.Discrete(3), [1e-5, 1e-5 - 5e-11, 0.0], [0], [1], True),
        (spaces.Discrete(3), [100.0, 100.005, 1.0], [0], [1], False),
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


def test_what_is_forbidden_is_no_measure_of_the_others() -> None:
    scores, allowed = np.array([1.0, 1.1, -1e8]), np.array([True, True, False])
    pair = np.array([0]), np.array([1])
    assert not tied(spaces.Discrete(3), scores, *pair, 1e-5, allowed=allowed)
    pair = np.array([0]), np.array([2])
    assert not tied(spaces.Discrete(3), scores, *pair, 1e-5, allowed=allowed)


def test_bits_are_chosen_by_probabilities_which_have_steps_of_their_own() -> None:
    scores = np.array([5e-8, 1e-6])
    one, other = np.array([1, 1]), np.array([0, 1])
    assert tied(BITS, scores, one, other, 1e-5)
    assert not tied(BITS, 100 * scores, one, other, 1e-5)


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
