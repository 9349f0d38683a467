"""Tests for reward.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sb3_prune_envs.reward import (
    SUCCESS_DISTANCE,
    SUCCESS_REWARD,
    distances,
    rewards,
)


def test_distances_are_euclidean() -> None:
    tips, goals = np.array([[3.0, 4.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])
    assert_allclose(distances(tips, goals), [5.0, 0.0])


def test_success_distance_earns_the_success_reward() -> None:
    assert pytest.approx(0.054, abs=2e-4) == SUCCESS_DISTANCE
    assert rewards(SUCCESS_DISTANCE) == pytest.approx(SUCCESS_REWARD)


@settings(deadline=None)
@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_nearer_is_never_worse(a: float, b: float) -> None:
    near, far = sorted((a, b))
    assert 0 < rewards(far) <= rewards(near) <= 1


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 10.0), min_size=1))
def test_numbers_and_arrays_have_the_same_bits(values: list[float]) -> None:
    assert_array_equal(rewards(np.array(values)), [rewards(v) for v in values])
