"""Tests for view.py."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.view import ArmView, checked_render_mode

ANGLES, GOALS = np.array([[0.3, 0.2], [1.0, 0.5]]), np.array([[0.5, 0.5], [0.1, 0.2]])


def test_render_modes_are_checked() -> None:
    metadata = {"render_modes": ["rgb_array"]}
    assert checked_render_mode(None, metadata) is None
    assert checked_render_mode("rgb_array", metadata) == "rgb_array"
    with pytest.raises(ValueError, match=r"in \['rgb_array'\], not 'human'"):
        checked_render_mode("human", metadata)


def test_each_arm_has_its_picture() -> None:
    view = ArmView(ArmConfig(n_joints=2), "rgb_array", fps=20)
    first, second = (view.paint(i, ANGLES, GOALS, 1, 60) for i in range(2))
    assert not np.array_equal(first, second)


def test_copies_draw_the_same() -> None:
    view = ArmView(ArmConfig(n_joints=2), "rgb_array", fps=20)
    picture = view.render(ANGLES[:1], GOALS[:1], 1)
    assert picture is not None
    twin = pickle.loads(pickle.dumps(view))
    assert_array_equal(twin.render(ANGLES[:1], GOALS[:1], 1), picture)


def test_human_mode_shows_instead_of_returning() -> None:
    view = ArmView(ArmConfig(n_joints=2), "human", fps=1000)
    assert view.render(ANGLES[:1], GOALS[:1], 1) is None
    view.close()
