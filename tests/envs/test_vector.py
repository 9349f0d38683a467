"""Tests for vector.py: a batch of arms is that many single arms."""

import copy
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sb3_prune_envs import PlanarArmVectorEnv

ID = "sb3_prune/PlanarArm-v0"


def make_sync(num_envs: int, **options: Any) -> SyncVectorEnv:
    def make() -> gym.Env[Any, Any]:
        return gym.make(ID, disable_env_checker=True, **options)

    return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


@settings(max_examples=25, deadline=None)
@given(
    num_envs=st.sampled_from([1, 2, 5, 33]),
    seed=st.integers(0, 2**31),
    options=st.fixed_dictionaries(
        {
            "n_joints": st.integers(1, 5),
            "action_mode": st.sampled_from(["branch", "joint", "single", "continuous"]),
            "goals": st.sampled_from(["half", "full", "fk"]),
            "min_goal_radius": st.sampled_from([0.0, 0.3]),
            "max_episode_steps": st.integers(1, 6),
        }
    ),
)
def test_equals_single_arms_bit_for_bit(
    num_envs: int, seed: int, options: dict[str, Any]
) -> None:
    arms, singles = (
        PlanarArmVectorEnv(num_envs, **options),
        make_sync(num_envs, **options),
    )
    assert data_equivalence(arms.reset(seed=seed), singles.reset(seed=seed), exact=True)
    arms.action_space.seed(seed)
    for _ in range(8):
        actions = arms.action_space.sample()
        assert data_equivalence(arms.step(actions), singles.step(actions), exact=True)


def test_two_full_episodes_of_many_arms_equal_single_arms() -> None:
    arms, singles = PlanarArmVectorEnv(40), make_sync(40)
    arms.reset(seed=7), singles.reset(seed=7)
    for _ in range(125):
        actions = arms.action_space.sample()
        for mine, theirs in zip(
            arms.step(actions)[:4], singles.step(actions)[:4], strict=True
        ):
            assert_array_equal(mine, theirs)


def test_make_vec_without_warning() -> None:
    envs = gym.make_vec(ID, num_envs=4, vectorization_mode="vector_entry_point")
    assert isinstance(envs, PlanarArmVectorEnv)
    assert envs.max_episode_steps == 60
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    seen, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(seen)


def test_last_observation_is_kept() -> None:
    arms = PlanarArmVectorEnv(3, max_episode_steps=2, action_mode="joint", n_joints=1)
    arms.reset(seed=0)
    arms.step(np.zeros(3, dtype=np.int64))
    seen, _, _, truncated, infos = arms.step(np.zeros(3, dtype=np.int64))
    assert truncated.all()
    assert_array_equal(seen[:, 0], 0.0)
    last = np.stack(infos["final_obs"])
    assert_array_equal(last[:, 0], np.float32(np.sin(0.1)))


def test_returned_arrays_are_not_reused() -> None:
    arms = PlanarArmVectorEnv(2)
    seen, _ = arms.reset(seed=0)
    before = seen.copy()
    arms.step(np.zeros((2, 3), dtype=np.int64))
    assert_array_equal(seen, before)


def test_copies_go_on_alike() -> None:
    arms = PlanarArmVectorEnv(3, max_episode_steps=2)
    arms.reset(seed=0)
    copies = [copy.deepcopy(arms), pickle.loads(pickle.dumps(arms))]
    for _ in range(5):
        actions = arms.action_space.sample()
        seen = arms.step(actions)[0]
        for other in copies:
            assert_array_equal(other.step(actions)[0], seen)


def test_seeds_may_be_given_one_by_one() -> None:
    arms = PlanarArmVectorEnv(3)
    by_number, _ = arms.reset(seed=4)
    assert_array_equal(arms.reset(seed=[4, 5, 6])[0], by_number)


def test_misuse_is_refused() -> None:
    arms = PlanarArmVectorEnv(2)
    with pytest.raises(ResetNeeded, match="before the first step"):
        arms.step(np.zeros((2, 3), dtype=np.int64))
    with pytest.raises(ValueError, match="expected 2 seeds, not 3"):
        arms.reset(seed=[1, 2, 3])
    arms.reset(seed=0)
    with pytest.raises(ValueError, match="expected 2 actions"):
        arms.step(np.zeros((3, 3), dtype=np.int64))
    with pytest.raises(InvalidAction, match="integers from 0 to 2"):
        arms.step(np.full((2, 3), 3))
    with pytest.raises(ValueError, match="num_envs must be an integer of at least 1"):
        PlanarArmVectorEnv(0)
    with pytest.raises(ValueError, match="max_episode_steps must be an integer"):
        PlanarArmVectorEnv(2, max_episode_steps=0)


def test_pictures() -> None:
    assert PlanarArmVectorEnv(2).render() is None
    arms = PlanarArmVectorEnv(2, render_mode="rgb_array", max_episode_steps=3)
    arms.reset(seed=0)
    for _ in range(4):
        arms.step(np.zeros((2, 3), dtype=np.int64))
    frames = arms.render()
    assert frames is not None
    assert [frame.shape for frame in frames] == [(480, 480, 3)] * 2
