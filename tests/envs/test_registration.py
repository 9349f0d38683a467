"""Tests for registration.py."""

import warnings

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from sb3_prune_envs.registration import ENV_IDS, register_envs


def test_ids() -> None:
    assert len(ENV_IDS) == 14
    assert {"sb3_prune/PlanarArm-v0", "sb3_prune/PlanarArmMujoco6-v0"} <= set(ENV_IDS)


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_every_id_makes_an_arm(env_id: str) -> None:
    env = gym.make(env_id)
    size = env_id.removesuffix("-v0")[-1]
    assert env.unwrapped.config.n_joints == (int(size) if size.isdigit() else 3)
    assert env.spec is not None
    assert env.spec.max_episode_steps == 60
    seen, _ = env.reset(seed=0)
    assert env.observation_space.contains(seen)


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_spec_survives_json(env_id: str) -> None:
    spec = gym.make(env_id, start_angles=None, goals="full").spec
    assert spec is not None
    again = gym.make(EnvSpec.from_json(spec.to_json()))
    assert again.unwrapped.config.goals == "full"


def test_start_angles_survive_json() -> None:
    spec = gym.make("sb3_prune/PlanarArm2-v0", start_angles=(0.1, 0.2)).spec
    assert spec is not None
    again = gym.make(EnvSpec.from_json(spec.to_json()))
    assert again.unwrapped.config.start_angles == (0.1, 0.2)


def test_module_prefix() -> None:
    env = gym.make("sb3_prune_envs:sb3_prune/PlanarArm-v0", n_joints=5)
    assert env.observation_space.shape == (12,)


def test_registering_twice_is_silent() -> None:
    before = gym.registry["sb3_prune/PlanarArm3-v0"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register_envs()
    assert gym.registry["sb3_prune/PlanarArm3-v0"] is before


def test_mujoco_arms_have_gymnasium_vectors() -> None:
    envs = gym.make_vec("sb3_prune/PlanarArmMujoco2-v0", num_envs=2)
    seen, _ = envs.reset(seed=0)
    assert seen.shape == (2, 6)
    envs.close()
