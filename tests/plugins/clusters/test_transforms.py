"""Input transforms between arms of other joint numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sb3_prune_clusters.transforms import TRANSFORMS, find_transform
from sb3_prune_envs.kinematics import tip_positions

from sb3_prune.exceptions import ConfigError, UnknownNameError

Array = NDArray[Any]


def observe(angles: list[float] | Array) -> Array:
    """Return what an arm with these angles sees; its goal is at (0.3, -0.4)."""
    circle = [(np.sin(t), np.cos(t)) for t in angles]
    return np.array([[*np.ravel(circle), 0.3, -0.4]], dtype=np.float32)


def seen_by(name: str, joints: int, angles: list[float]) -> list[float]:
    """Return the angles that an arm with that many joints sees."""
    change = find_transform(name, (2 * joints + 2,))
    made = change(observe(angles))
    assert made.dtype == np.float32
    assert made[0, -2:] == pytest.approx([0.3, -0.4])
    angles = np.arctan2(made[0, :-2:2], made[0, 1:-2:2]).tolist()
    return [round(angle, 5) for angle in angles]


@pytest.mark.parametrize(
    ("name", "joints", "given_angles", "expected"),
    [
        ("naive", 2, [0.1, 0.2, 0.3, 0.4], [0.1, 0.2]),
        ("naive", 4, [0.1, 0.2], [0.1, 0.2, 0, 0]),
        ("balanced", 4, [0.1, 0.2], [0.1, 0, 0.2, 0]),
        ("balanced", 3, [0.1, 0.2], [0.1, 0, 0.2]),
        ("balanced", 4, [0.1, 0.2, 0.3], [0.1, 0.2, 0, 0.3]),
        ("balanced", 2, [0.1, 0.2, 0.3, 0.4], [0.1, 0.3]),
        ("balanced", 2, [0.1, 0.2, 0.3], [0.1, 0.3]),
        ("balanced", 3, [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.4]),
        ("sums", 2, [0.1, 0.2, 0.3, 0.4], [0.3, 0.7]),
        ("sums", 2, [0.1, 0.2, 0.3], [0.3, 0.3]),
        ("sums", 1, [0.1, 0.2, 0.3], [0.6]),
        ("sums", 4, [0.1, 0.2], [0.1, 0, 0.2, 0]),
    ],
)
def test_by_hand(
    name: str, joints: int, given_angles: list[float], expected: list[float]
) -> None:
    assert seen_by(name, joints, given_angles) == pytest.approx(expected, abs=1e-5)


angles_of_arms = st.lists(st.floats(-3, 3), min_size=1, max_size=6)


@given(st.sampled_from(sorted(TRANSFORMS)), angles_of_arms, st.integers(1, 6))
def test_what_is_seen_are_angles(name: str, angles: list[float], joints: int) -> None:
    made = find_transform(name, (2 * joints + 2,))(observe(angles))
    squares = made[:, :-2:2] ** 2 + made[:, 1:-2:2] ** 2
    assert squares == pytest.approx(np.ones_like(squares), abs=1e-5)


@given(angles_of_arms, st.integers(1, 3))
def test_balanced_keeps_the_tip_of_multiples(angles: list[float], times: int) -> None:
    """An arm with twice the joints can be the same arm: every second is straight."""
    joints = times * len(angles)
    made = seen_by("balanced", joints, angles)
    mine = tip_positions(np.array([angles]), 1 / len(angles))
    other = tip_positions(np.array([made]), 1 / joints)
    assert other == pytest.approx(mine, abs=1e-3)


@given(st.integers(1, 12), st.integers(1, 12))
def test_balanced_never_puts_two_joints_in_one_place(few: int, more: int) -> None:
    few, many = sorted((few, few + more))
    angles = [0.1 * (i + 1) for i in range(few)]
    assert [a for a in seen_by("balanced", many, angles) if a] == pytest.approx(angles)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_equal_observations_pass(name: str) -> None:
    """Whatever they are: not only those of arms."""
    images = np.random.default_rng(0).random((2, 3, 3, 1))
    assert find_transform(name, (3, 3, 1))(images) is images


def test_any_function_will_do() -> None:
    change = find_transform(lambda seen: seen[:, :3] * 2, (3,))
    assert change(np.ones((2, 5))).tolist() == [[2, 2, 2]] * 2


def test_its_result_must_fit() -> None:
    change = find_transform(lambda seen: seen[:, :4], (3,))
    with pytest.raises(ConfigError, match=r"\(2, 4\) of shape \(2, 5\).*\(2, 3\)"):
        change(np.ones((2, 5)))


def test_unknown_names_are_listed() -> None:
    with pytest.raises(UnknownNameError, match=r"'balanced'.*balanced, naive, sums"):
        find_transform("balance", (8,))


@pytest.mark.parametrize("shape", [(7,), (2,), (3, 8)])
def test_only_arms_are_known(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="planar arms"):
        find_transform("naive", (8,))(np.ones((4, *shape)))


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_what_is_no_arm_is_refused(name: str) -> None:
    """CartPole has as many numbers as an arm of one joint; so have normalised arms."""
    change = find_transform(name, (6,))
    for wrong in ([[-1.5, 0.2, 0.05, -0.3]], observe([0.1]) * 2):
        with pytest.raises(ConfigError, match="none of a planar arm, or normalised"):
            change(np.asarray(wrong, np.float32))
