"""Tests for registration.py."""

import warnings

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from sb3_prune_envs.registration import ENV_IDS, register_envs


def test_ids() -> None:
    assert len(ENV_IDS) == len(set(ENV_IDS)) == 2 * 4 * 7
    assert {"sb3_prune/PlanarArm-v0", "sb3_prune/PlanarArmMujoco6-v0"} <= set(ENV_IDS)


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_every_id_makes_an_arm(env_id: str) -> None:
    env = gym.make(env_id)
    size = "".join(filter(str.isdigit, env_id.removesuffix("-v0").rpartition("Arm")[2]))
    assert env.unwrapped.config.n_joints == int(size or 3)
    assert env.spec is not None
    assert env.spec.max_episode_steps == 60
    seen, _ = env.reset(seed=0)
    assert env.observation_space.contains(seen)


@pytest.mark.parametrize("kind", ["PlanarArm", "PlanarArmMujoco"])
@pytest.mark.parametrize("mode", ["joint", "single", "continuous"])
def test_an_id_with_a_mode_is_the_arm_with_that_option(kind: str, mode: str) -> None:
    named = gym.make(f"sb3_prune/{kind}2{mode.title()}-v0")
    asked = gym.make(f"sb3_prune/{kind}2-v0", action_mode=mode)
    assert named.unwrapped.config == asked.unwrapped.config
    assert named.action_space == asked.action_space
    free = gym.make(f"sb3_prune/{kind}{mode.title()}-v0", n_joints=4)
    assert free.unwrapped.config.n_joints == 4
    assert free.unwrapped.config.action_mode == mode


def test_an_id_with_a_mode_has_a_native_vector() -> None:
    envs = gym.make_vec(
        "sb3_prune/PlanarArm2Continuous-v0",
        num_envs=3,
        vectorization_mode="vector_entry_point",
    )
    assert envs.single_action_space == gym.spaces.Box(-1, 1, (2,))


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
