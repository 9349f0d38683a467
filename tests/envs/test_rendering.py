"""Tests for rendering.py: what a person must be able to see."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sb3_prune_envs.kinematics import joint_positions
from sb3_prune_envs.rendering import (
    GOAL,
    PAPER,
    REACHED,
    WHITE,
    ArmPainter,
    Colour,
    Frame,
    Scene,
)

SCENE = Scene(
    joints=joint_positions(np.array([[0.9, -0.4, 0.7]]), 1 / 3)[0],
    goal=np.array([-0.5, -0.5]),
    trail=np.zeros((0, 2)),
    step=3,
    reward=0.4,
    last_step=60,
)


def paint(scene: Scene) -> Frame:
    return ArmPainter(reach=1.0)(scene)


def colour_at(frame: Frame, point: tuple[float, float]) -> Colour:
    x, y = (240 + np.array(point) * (240 / 1.12, -240 / 1.12)).astype(int)
    return tuple(frame[y, x].tolist())


def test_frame_is_a_square_of_the_size() -> None:
    frame = ArmPainter(reach=1.0, size=200)(SCENE)
    assert frame.shape == (200, 200, 3)
    assert frame.dtype == np.uint8


def test_equal_scenes_equal_frames() -> None:
    assert_array_equal(paint(SCENE), paint(SCENE))


def test_goal_turns_green_when_reached() -> None:
    assert colour_at(paint(SCENE), (-0.5, -0.5)) == GOAL
    assert colour_at(paint(replace(SCENE, reward=0.95)), (-0.5, -0.5)) == REACHED


def test_joints_are_dots() -> None:
    frame = paint(SCENE)
    for joint in SCENE.joints:
        assert colour_at(frame, tuple(joint)) == WHITE


def test_paper_frames_the_disc() -> None:
    assert colour_at(paint(SCENE), (1.1, -1.1)) == PAPER


@pytest.mark.parametrize(
    "change",
    [{"step": 4}, {"last_step": None}, {"reward": 0.5}, {"trail": -SCENE.joints}],
)
def test_everything_in_a_scene_shows(change: dict[str, object]) -> None:
    assert not np.array_equal(paint(SCENE), paint(replace(SCENE, **change)))


def test_scale_follows_the_reach() -> None:
    scene = replace(SCENE, joints=2 * SCENE.joints, goal=2 * SCENE.goal)
    frame = ArmPainter(reach=2.0)(scene)
    assert colour_at(frame, (-0.5, -0.5)) == GOAL
