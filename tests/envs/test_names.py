"""Tests for sb3_prune_envs/names.py: entries and actions do what their names say."""

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from sb3_prune_envs import PlanarArmEnv, PlanarArmVectorEnv
from sb3_prune_envs.actions import make_decoder
from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.names import action_names, observation_names

SIGNS = {"plus": 1, "minus": -1, "rest": 0}
ANGLES, GOAL = (0.3, -1.2), (0.25, 0.5)


def test_observations_have_the_values_that_are_named() -> None:
    arm = PlanarArmEnv(n_joints=2)
    seen, _ = arm.reset(options={"angles": ANGLES, "goal": GOAL})
    found = dict(zip(arm.observation_names, seen.tolist(), strict=True))
    expected = {"goal_x": GOAL[0], "goal_y": GOAL[1]}
    for number, angle in enumerate(ANGLES, 1):
        expected |= {f"sin{number}": math.sin(angle), f"cos{number}": math.cos(angle)}
    assert found == pytest.approx(expected)


def moves_of(name: str, mode: str) -> list[int]:
    """Return the moves of two joints that a name of an action says."""
    if mode == "joint":
        return [SIGNS[turn] for turn in name.split("_")]
    joint, turn = name.split("_")
    moves = [0, 0]
    moves[int(joint.removeprefix("joint")) - 1] = SIGNS[turn]
    return moves


@pytest.mark.parametrize("mode", ["joint", "single"])
def test_choices_turn_the_joints_that_are_named(mode: Any) -> None:
    config = ArmConfig(n_joints=2, action_mode=mode, joint_step=1.0)
    names = action_names(config)
    decoder = make_decoder(config)
    moves = decoder(np.arange(len(names)))
    assert decoder.space == gym.spaces.Discrete(len(names))
    assert moves.tolist() == [moves_of(name, mode) for name in names]


def test_choices_of_branches_turn_the_joints_that_are_named() -> None:
    config = ArmConfig(n_joints=2, joint_step=1.0)
    for index, name in enumerate(action_names(config)):
        action = [2, 2]
        action[index // 3] = index % 3
        moves = make_decoder(config)(np.array([action]))
        assert moves.tolist() == [moves_of(name, "branch")]


@pytest.mark.parametrize("mode", ["branch", "joint", "single", "continuous"])
def test_names_are_different_and_the_same_for_many_arms(mode: Any) -> None:
    options: dict[str, Any] = {"n_joints": 3, "action_mode": mode}
    arm, arms = PlanarArmEnv(**options), PlanarArmVectorEnv(2, **options)
    for names in (arm.observation_names, arm.action_names):
        assert len(set(names)) == len(names)
    assert arms.observation_names == arm.observation_names
    assert arms.action_names == arm.action_names


def test_an_arm_with_more_joints_keeps_the_names() -> None:
    few, many = (observation_names(ArmConfig(n_joints=n)) for n in (2, 3))
    assert set(many) - set(few) == {"sin3", "cos3"}
    assert set(few) < set(many)
