"""Tests for actions.py."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from gymnasium.error import InvalidAction
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space
from numpy.testing import assert_allclose, assert_array_equal
from sb3_prune_envs.actions import MoveDecoder, make_decoder
from sb3_prune_envs.config import ActionMode, ArmConfig

STEP = 0.05


def decoder(mode: ActionMode, n: int = 3) -> MoveDecoder:
    return make_decoder(ArmConfig(action_mode=mode, n_joints=n, joint_step=STEP))


@pytest.mark.parametrize(
    ("mode", "space"),
    [
        ("branch", MultiDiscrete([3, 3, 3])),
        ("joint", Discrete(27)),
        ("single", Discrete(9)),
        ("continuous", Box(-1.0, 1.0, (3,), np.float32)),
    ],
)
def test_space(mode: ActionMode, space: Space[Any]) -> None:
    assert decoder(mode).space == space


def test_branch_digits() -> None:
    assert_array_equal(decoder("branch")(np.array([[0, 1, 2]])), [[STEP, -STEP, 0.0]])


def test_joint_is_base_three_first_joint_most_significant() -> None:
    digits = list(product(range(3), repeat=3))
    assert digits[5] == (0, 1, 2)
    expected = decoder("branch")(np.array(digits))
    assert_array_equal(decoder("joint")(np.arange(27)), expected)


def test_single_moves_one_joint() -> None:
    moves = decoder("single", n=2)(np.arange(6))
    s = STEP
    expected = [[s, 0], [-s, 0], [0, 0], [0, s], [0, -s], [0, 0]]
    assert_array_equal(moves, expected)


def test_continuous_scales_and_clips() -> None:
    actions = np.array([[0.5, -2.0, np.inf]], dtype=np.float32)
    assert_allclose(decoder("continuous")(actions), [[0.025, -STEP, STEP]])


def test_every_sample_decodes(action_mode: ActionMode) -> None:
    decode = decoder(action_mode, n=4)
    moves = decode(np.array([decode.space.sample() for _ in range(50)]))
    assert moves.shape == (50, 4)
    assert np.abs(moves).max() <= STEP


@pytest.mark.parametrize(
    ("mode", "actions", "message"),
    [
        ("branch", [[0, 1, 3]], "integers from 0 to 2"),
        ("branch", [[0, 1, -1]], "integers from 0 to 2"),
        ("branch", [[0, 1]], r"of shape \(3,\)"),
        ("branch", [[0.0, 1.0, 2.0]], "not float64"),
        ("joint", [27], r"integers from 0 to 26 of shape \(\) \(Discrete\(27\)\)"),
        ("single", [-1], "integers from 0 to 8"),
        ("joint", [[1]], r"of shape \(1,\)"),
        ("continuous", [[0.0, np.nan, 0.0]], "must not contain NaN"),
        ("continuous", [[0.0, 0.0]], r"numbers of shape \(3,\)"),
        ("continuous", [["a", "b", "c"]], "numbers of shape"),
    ],
)
def test_bad_actions_are_named(mode: ActionMode, actions: Any, message: str) -> None:
    with pytest.raises(InvalidAction, match=message):
        decoder(mode)(np.array(actions))
