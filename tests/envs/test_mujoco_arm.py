"""Tests for mujoco_arm.py."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sb3_prune_envs import PlanarArmEnv, PlanarArmMujocoEnv, PlanarArmVectorEnv

from .conftest import Oracle


def test_same_spaces_and_start_as_the_kinematic_arm(action_mode: str) -> None:
    kinematic = PlanarArmEnv(action_mode=action_mode)
    simulated = PlanarArmMujocoEnv(action_mode=action_mode)
    assert simulated.action_space == kinematic.action_space
    assert simulated.observation_space == kinematic.observation_space
    assert_array_equal(simulated.reset(seed=5)[0], kinematic.reset(seed=5)[0])


@pytest.mark.parametrize("n", [1, 3, 6])
def test_motion_follows_the_kinematic_arm(n: int) -> None:
    kinematic, simulated = PlanarArmEnv(n_joints=n), PlanarArmMujocoEnv(n_joints=n)
    kinematic.reset(seed=0), simulated.reset(seed=0)
    kinematic.action_space.seed(0)
    for _ in range(60):
        action = kinematic.action_space.sample()
        seen, sim_seen = kinematic.step(action)[0], simulated.step(action)[0]
        assert_allclose(sim_seen, seen, atol=0.02)


def test_arm_stays_up_against_gravity() -> None:
    env = PlanarArmMujocoEnv(start_angles=(0.3, -0.2, 0.1))
    env.reset(seed=0)
    for _ in range(60):
        env.step(np.array([2, 2, 2]))
    assert_allclose(env.data.qpos, (0.3, -0.2, 0.1), atol=3e-3)


def test_setpoints_add_up_actions() -> None:
    env = PlanarArmMujocoEnv(action_mode="continuous", start_angles=(0.0, 0.0, 1.0))
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.array([1.0, -1.0, 0.5], dtype=np.float32))
    assert_allclose(env.data.ctrl, [0.2, -0.2, 1.1])
    assert env.data.time == pytest.approx(4 * 0.05)


def test_goal_ball_is_at_the_goal() -> None:
    env = PlanarArmMujocoEnv()
    seen, _ = env.reset(seed=0)
    assert_allclose(env.data.mocap_pos[0], [seen[-2], 0.0, seen[-1]], atol=1e-6)


def test_weak_servos_lag() -> None:
    lags = []
    for frequency in (20.0, 100.0):
        env = PlanarArmMujocoEnv(natural_frequency=frequency)
        env.reset(seed=0)
        env.step(np.array([0, 0, 0]))
        lags.append(np.abs(env.data.ctrl - env.data.qpos).max())
    assert lags[0] > 3 * lags[1]


def test_oracle_succeeds_on_the_kinematic_arm(greedy_oracle: Oracle) -> None:
    arms = PlanarArmVectorEnv(300, action_mode="joint")
    seen, _ = arms.reset(seed=0)
    for _ in range(60):
        seen, _, _, _, infos = arms.step(greedy_oracle(seen))
    assert infos["final_info"]["is_success"].mean() >= 0.95


def test_oracle_succeeds_on_the_simulated_arm(greedy_oracle: Oracle) -> None:
    env = PlanarArmMujocoEnv(action_mode="joint")
    successes = []
    for seed in range(40):
        seen, _ = env.reset(seed=seed)
        for _ in range(60):
            seen, _, _, _, info = env.step(greedy_oracle(seen[None])[0])
        successes.append(info["is_success"])
    assert np.mean(successes) >= 0.95
