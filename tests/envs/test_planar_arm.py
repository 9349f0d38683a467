"""Tests for planar_arm.py."""

import copy
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_array_equal
from sb3_prune_envs import PlanarArmEnv
from stable_baselines3.common.env_checker import check_env as check_env_sb3

IDS = ("sb3_prune/PlanarArm3-v0", "sb3_prune/PlanarArmMujoco3-v0")


def rollout(env: gym.Env[Any, Any], steps: int = 20) -> list[Any]:
    """Observation, reward and distance of steps with actions of a fixed seed."""
    env.action_space.seed(5)
    trace: list[Any] = [env.reset(seed=3)[0]]
    for _ in range(steps):
        seen, reward, _, _, info = env.step(env.action_space.sample())
        trace.append(np.array([*seen, reward, info["distance"]]))
    return trace


def assert_equal_traces(one: list[Any], other: list[Any]) -> None:
    for a, b in zip(one, other, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("env_id", IDS)
def test_gymnasium_check(env_id: str, action_mode: str) -> None:
    env = gym.make(env_id, action_mode=action_mode, disable_env_checker=True)
    check_env(env.unwrapped, skip_render_check=action_mode != "branch")


@pytest.mark.filterwarnings("ignore:The action space is not based off a numpy array")
def test_sb3_check(arm: gym.Env[Any, Any]) -> None:
    check_env_sb3(arm)


def test_equal_seeds_equal_rollouts(arm: gym.Env[Any, Any]) -> None:
    assert_equal_traces(rollout(arm), rollout(arm))


def test_copies_go_on_alike(arm: gym.Env[Any, Any]) -> None:
    rollout(arm)
    action = arm.action_space.sample()
    copies = [copy.deepcopy(arm), pickle.loads(pickle.dumps(arm))]
    expected = arm.step(action)[0]
    for other in copies:
        assert_array_equal(other.step(action)[0], expected)


def test_unseeded_reset_goes_on_with_the_generator() -> None:
    one, other = PlanarArmEnv(), PlanarArmEnv()
    one.reset(seed=1), other.reset(seed=1)
    first = one.reset()[0]
    assert_array_equal(first, other.reset()[0])
    assert not np.array_equal(first, one.reset()[0])


def test_reward_and_info_are_of_the_state_after_the_move() -> None:
    env = PlanarArmEnv(n_joints=1)
    env.reset(options={"goal": (np.cos(0.05), np.sin(0.05))})
    seen, reward, terminated, truncated, info = env.step(np.array([0]))
    assert_array_equal(seen[:2], np.float32([np.sin(0.05), np.cos(0.05)]))
    assert reward == 1.0
    assert info == {"distance": 0.0, "is_success": True}
    assert not terminated and not truncated


def test_made_env_truncates_after_sixty_steps() -> None:
    env = gym.make("sb3_prune/PlanarArm3-v0")
    env.reset(seed=0)
    ends = [env.step(np.array([2, 2, 2]))[2:4] for _ in range(60)]
    assert ends == [(False, False)] * 59 + [(False, True)]


def test_observations_stay_in_the_space() -> None:
    env = PlanarArmEnv(goals="fk", n_joints=1, link_length=0.3)
    for seed in range(200):
        assert env.observation_space.contains(env.reset(seed=seed)[0])


def test_misuse_is_refused(arm_class: type[PlanarArmEnv]) -> None:
    env = arm_class()
    with pytest.raises(ResetNeeded, match="before the first step"):
        env.step(np.array([0, 0, 0]))
    with pytest.raises(ResetNeeded, match="before render"):
        env.render()
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match="integers from 0 to 2"):
        env.step(np.array([0, 0, 7]))
    with pytest.raises(ValueError, match=r"render_mode must be None or in .*'ansi'"):
        arm_class(render_mode="ansi")
    with pytest.raises(TypeError, match="did you mean 'n_joints'"):
        arm_class(njoints=3)  # type: ignore[call-arg]


def test_refused_action_changes_nothing(arm: gym.Env[Any, Any]) -> None:
    twin = copy.deepcopy(arm)
    arm.reset(seed=0), twin.reset(seed=0)
    with pytest.raises(InvalidAction):
        arm.step(np.full((9,), np.nan))
    action = arm.action_space.sample()
    assert_array_equal(arm.step(action)[0], twin.step(action)[0])


def test_pictures(arm_class: type[PlanarArmEnv]) -> None:
    env = arm_class(render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    env.step(np.array([0, 0, 0]))
    assert first.shape == (480, 480, 3)
    assert not np.array_equal(first, env.render())


def test_human_mode_draws_by_itself() -> None:
    env = PlanarArmEnv(render_mode="human")
    env.reset(seed=0)
    env.step(np.array([0, 0, 0]))
    assert env.render() is None
    env.close()
