"""Tests for starting_state.py."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.starting_state import starting_state

CONFIG = ArmConfig(n_joints=2, start_angles=(0.3, -0.2))


def generators(count: int = 3) -> list[np.random.Generator]:
    return [np.random.default_rng(i) for i in range(count)]


def test_default_start() -> None:
    state = starting_state(CONFIG, generators())
    assert_array_equal(state.angles, [[0.3, -0.2]] * 3)
    assert state.goals.shape == (3, 2)


def test_options_hold_for_all_or_for_each() -> None:
    options = {"goal": (0.5, 0.5), "angles": [[0, 0], [1, 1], [2, 2]]}
    state = starting_state(CONFIG, generators(), options)
    assert_array_equal(state.goals, [[0.5, 0.5]] * 3)
    assert_array_equal(state.angles, [[0, 0], [1, 1], [2, 2]])


def test_fixed_goal_draws_nothing() -> None:
    used = generators(1)
    starting_state(CONFIG, used, {"goal": (0.0, 1.0)})
    assert used[0].random() == generators(1)[0].random()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 1}, "unknown reset option 'speed'; known: .*'angles', 'goal'"),
        ({"goal": (0.0, 1.1)}, "beyond the reach 1"),
        ({"goal": (0.0, float("nan"))}, r"goal must be finite numbers of shape \(2,\)"),
        ({"angles": (0.0, 0.0, 0.0)}, r"angles must be finite numbers of shape \(2,\)"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        starting_state(CONFIG, generators(), options)
