"""Tests for sb3_vec_env.py."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.testing import assert_array_equal
from sb3_prune_envs import PlanarArmVectorEnv, SB3VecEnv, make_arm_vec
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

REST = np.full((3, 3), 2)


def make_dummy(n_envs: int, steps: int) -> DummyVecEnv:
    def make() -> gym.Env[Any, Any]:
        return Monitor(gym.make("sb3_prune/PlanarArm3-v0", max_episode_steps=steps))

    return DummyVecEnv([make] * n_envs)


def test_equals_sb3_own_vector_of_single_arms() -> None:
    mine, theirs = make_arm_vec(3, max_episode_steps=4), make_dummy(3, steps=4)
    mine.seed(9), theirs.seed(9)
    assert_array_equal(mine.reset(), theirs.reset())
    mine.action_space.seed(0)
    for _ in range(10):
        actions = np.stack([mine.action_space.sample() for _ in range(3)])
        *arrays, infos = mine.step(actions)
        *expected, expected_infos = theirs.step(actions)
        for array, other in zip(arrays, expected, strict=True):
            assert_array_equal(array, other)
            assert array.dtype == other.dtype
        for info, other in zip(infos, expected_infos, strict=True):
            assert_same_ending(info, other)
        assert mine.reset_infos == theirs.reset_infos


def assert_same_ending(info: dict[str, Any], other: dict[str, Any]) -> None:
    if "episode" not in other:
        assert info == {}
        return
    assert set(info) == set(other)
    assert_array_equal(info["terminal_observation"], other["terminal_observation"])
    assert info["TimeLimit.truncated"] is other["TimeLimit.truncated"] is True
    assert info["is_success"] is other["is_success"]
    assert info["distance"] == other["distance"]
    assert info["episode"]["l"] == other["episode"]["l"] == 4
    assert info["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=1e-6)


def test_seed_holds_for_one_reset() -> None:
    env = make_arm_vec(3)
    env.seed(1)
    first, second = env.reset(), env.reset()
    env.seed(1)
    assert_array_equal(env.reset(), first)
    assert not np.array_equal(first, second)


def test_options_reach_the_arms() -> None:
    env = make_arm_vec(3)
    env.set_options({"goal": (0.5, 0.25)})
    assert_array_equal(env.reset()[:, -2:], [[0.5, 0.25]] * 3)
    assert not np.array_equal(env.reset()[:, -2:], [[0.5, 0.25]] * 3)
    env.set_options([{"goal": (0.5, 0.25)}, {}, {}])
    with pytest.raises(ValueError, match="options must be equal"):
        env.reset()


def test_infos_are_not_shared() -> None:
    env = make_arm_vec(3)
    env.reset()
    infos = env.step(REST)[3]
    infos[0]["mark"] = 1
    assert infos[1:] == [{}, {}]
    assert env.step(REST)[3] == [{}, {}, {}]


def test_other_vectors_with_termination() -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1")

    env = SB3VecEnv(SyncVectorEnv([make] * 2, autoreset_mode=AutoresetMode.SAME_STEP))
    env.seed(0)
    env.reset()
    while not any((result := env.step(np.array([1, 0])))[2]):
        pass
    info = result[3][int(np.argmax(result[2]))]
    assert info["TimeLimit.truncated"] is False
    assert info["terminal_observation"].shape == (4,)
    env.close()


def test_other_reset_modes_are_refused() -> None:
    arms = PlanarArmVectorEnv(2)
    arms.metadata = {**arms.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
    with pytest.raises(ValueError, match=r"SAME_STEP, not AutoresetMode\.NEXT_STEP"):
        SB3VecEnv(arms)


def test_attributes_are_those_of_the_vector() -> None:
    env = make_arm_vec(3, n_joints=3)
    assert env.get_attr("num_envs", indices=[0, 1]) == [3, 3]
    env.set_attr("max_episode_steps", 1)
    with pytest.raises(ValueError, match="'max_episode_steps' can only be set for all"):
        env.set_attr("max_episode_steps", 2, indices=0)
    assert env.env_method("render") == [None] * 3
    env.reset()
    assert env.step(REST)[2].all()
    assert env.env_is_wrapped(Monitor) == [True] * 3
    assert env.env_is_wrapped(gym.wrappers.TimeLimit, indices=0) == [False]


def test_pictures_are_tiled() -> None:
    env = make_arm_vec(2, render_mode="rgb_array")
    env.reset()
    picture = env.render()
    assert picture is not None
    assert picture.shape == (960, 480, 3)
    assert list(make_arm_vec(2).get_images()) == [None, None]


def test_dqn_trains_and_bootstraps_at_the_limit() -> None:
    env = make_arm_vec(8, action_mode="joint", n_joints=2, max_episode_steps=5)
    model = DQN("MlpPolicy", env, learning_starts=40, buffer_size=400, seed=0)
    model.learn(200)
    assert model.replay_buffer is not None
    filled = model.replay_buffer.pos
    ended = model.replay_buffer.dones[:filled]
    assert ended.any()
    assert_array_equal(model.replay_buffer.timeouts[:filled], ended)
    assert len(model.ep_info_buffer or ()) > 0
    assert len(model.ep_success_buffer or ()) > 0


def test_ppo_trains_on_normalised_arms() -> None:
    env = VecNormalize(make_arm_vec(4, action_mode="continuous", max_episode_steps=5))
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16, n_epochs=1, seed=0)
    model.learn(64)
    mean, _ = evaluate_policy(model, env, n_eval_episodes=4)
    assert 0 < mean <= 5
