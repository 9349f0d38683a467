"""Tests for trail.py."""

import numpy as np
from numpy.testing import assert_array_equal
from sb3_prune_envs.trail import TipTrail


def recorded(count: int, capacity: int = 40) -> TipTrail:
    trail = TipTrail(capacity)
    for i in range(count):
        trail.record(np.array([[i, 0.0], [i, 1.0]]))
    return trail


def test_rows_are_kept_apart() -> None:
    assert_array_equal(recorded(3).of(1, elapsed=2), [[0, 1], [1, 1], [2, 1]])


def test_earlier_episodes_are_left_out() -> None:
    assert_array_equal(recorded(5).of(0, elapsed=1), [[3, 0], [4, 0]])


def test_oldest_are_forgotten() -> None:
    assert_array_equal(recorded(9, capacity=2).of(0, elapsed=8), [[7, 0], [8, 0]])


def test_empty() -> None:
    assert TipTrail().of(0, elapsed=0).shape == (0, 2)
