"""Tests for kinematics.py: laws of the arm rather than examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sb3_prune_envs.kinematics import (
    Floats,
    joint_positions,
    observations,
    tip_positions,
)

LENGTH = 0.4

unhurried = settings(deadline=None)


def batches(max_rows: int = 40) -> st.SearchStrategy[Floats]:
    shapes = st.tuples(st.integers(1, max_rows), st.integers(1, 12))
    angles = st.floats(-100.0, 100.0)
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=angles))


@unhurried
@given(batches())
def test_every_link_keeps_its_length(angles: Floats) -> None:
    links = np.diff(joint_positions(angles, LENGTH), axis=1)
    assert_allclose(np.linalg.norm(links, axis=2), LENGTH, rtol=1e-9)


@unhurried
@given(batches())
def test_tip_is_the_last_position(angles: Floats) -> None:
    last = joint_positions(angles, LENGTH)[:, -1]
    assert_allclose(tip_positions(angles, LENGTH), last, atol=1e-12)


@unhurried
@given(batches(), st.floats(-3.0, 3.0))
def test_turning_the_base_turns_the_tip(angles: Floats, turn: float) -> None:
    turned = angles.copy()
    turned[:, 0] += turn
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, -sin], [sin, cos]])
    expected = tip_positions(angles, LENGTH) @ rotation.T
    assert_allclose(tip_positions(turned, LENGTH), expected, atol=1e-9)


@unhurried
@given(batches())
def test_rows_do_not_know_each_other(angles: Floats) -> None:
    goals = angles[:, :1].repeat(2, axis=1)
    tips, seen = tip_positions(angles, LENGTH), observations(angles, goals)
    for i in range(len(angles)):
        row = slice(i, i + 1)
        assert_array_equal(tip_positions(angles[row], LENGTH)[0], tips[i])
        assert_array_equal(observations(angles[row], goals[row])[0], seen[i])


@pytest.mark.parametrize("n", [1, 3, 6, 17])
def test_large_batches_have_the_bits_of_small_ones(n: int) -> None:
    angles = np.random.default_rng(0).normal(scale=5.0, size=(1000, n))
    tips = [tip_positions(angles[i : i + 1], LENGTH)[0] for i in range(1000)]
    assert_array_equal(tip_positions(angles, LENGTH), tips)


def test_right_angles_by_hand() -> None:
    angles = np.array([[np.pi / 2, -np.pi / 2]])
    expected = [[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]
    assert_allclose(joint_positions(angles, 1.0), expected, atol=1e-15)


def test_observation_interleaves_sine_and_cosine() -> None:
    seen = observations(np.array([[0.5, -1.0]]), np.array([[0.25, -0.75]]))
    expected = [np.sin(0.5), np.cos(0.5), np.sin(-1.0), np.cos(-1.0), 0.25, -0.75]
    assert seen.dtype == np.float32
    assert_array_equal(seen[0], np.array(expected, dtype=np.float32))
