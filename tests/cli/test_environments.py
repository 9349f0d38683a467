"""Tests for cli/environments.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gymnasium import spaces
from sb3_prune_envs import SB3VecEnv
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecNormalize,
    unwrap_vec_normalize,
)

from cli.rl_zoo import TIME, cart_poles
from sb3_prune.cli.algorithms import find_algorithm
from sb3_prune.cli.environments import EnvMaker, find_env
from sb3_prune.cli.surroundings import Surroundings
from sb3_prune.exceptions import ConfigError, NonFiniteError, UnknownNameError

ATARI = "stable_baselines3.common.atari_wrappers.AtariWrapper"
ARM = "sb3_prune/PlanarArm2-v0"


def find(env_id: str, algo: str = "ppo", **kwargs: Any) -> EnvMaker:
    accepted = find_algorithm(algo).action_spaces
    return find_env(env_id, kwargs, lambda space: isinstance(space, accepted))


def test_an_id() -> None:
    env = find("CartPole-v1").make(3, seed=1)
    assert isinstance(env, DummyVecEnv)
    assert env.num_envs == 3


def test_an_id_with_a_module() -> None:
    assert find("cli.picky:cli/Picky-v0").spec.id == "cli/Picky-v0"


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="No module named 'nowhere'"):
        find("nowhere:Pendulum-v1")


@pytest.mark.parametrize("env_id", ["Pendulm-v1", "Pendulum-v7", "nowhere/Pendulum-v1"])
def test_an_unknown_id(env_id: str) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean.*Pendulum-v") as caught:
        find(env_id)
    assert "HalfCheetah-v4" not in str(caught.value)  # The newest version will do.


@pytest.mark.parametrize(
    ("algo", "mode", "space"),
    [
        ("branching-dqn", "branch", spaces.MultiDiscrete([3, 3])),
        ("ppo", "branch", spaces.MultiDiscrete([3, 3])),
        ("dqn", "joint", spaces.Discrete(9)),
        ("sac", "continuous", spaces.Box(-1, 1, (2,))),
    ],
)
@pytest.mark.parametrize("kind", ["PlanarArm2", "PlanarArmMujoco2"])
def test_arms_get_an_action_mode_that_fits(
    algo: str, mode: str, space: Any, kind: str
) -> None:
    maker = find(f"sb3_prune/{kind}-v0", algo)
    assert maker.kwargs == {"action_mode": mode}
    assert maker.make(1).action_space == space


def test_arms_keep_the_action_mode_that_is_asked_for() -> None:
    assert find(ARM, "sac", action_mode="single").kwargs == {"action_mode": "single"}


@pytest.mark.parametrize("kind", ["PlanarArm2", "PlanarArmMujoco2"])
def test_an_id_with_a_mode_keeps_it(kind: str) -> None:
    maker = find(f"sb3_prune/{kind}Joint-v0", "ppo")
    assert maker.kwargs == {}
    assert maker.make(1).action_space == spaces.Discrete(9)


def test_arms_of_a_saved_agent_get_its_mode() -> None:
    wanted = spaces.Discrete(6)
    maker = find_env(ARM, {}, lambda space: bool(space == wanted))
    assert maker.kwargs == {"action_mode": "single"}


def test_nothing_fits() -> None:
    assert find_env(ARM, {}, lambda _: False).kwargs == {}


def test_kinematic_arms_move_together() -> None:
    maker = find(ARM, goals="full")
    assert isinstance(maker.make(5), SB3VecEnv)
    assert maker.make_test(300, seed=0).num_envs == 64
    assert maker.make_test(3, seed=0).num_envs == 3
    assert find("CartPole-v1").make_test(300, seed=0).num_envs == 1


@pytest.mark.parametrize(
    "env_id", ["CartPole-v1", ARM, "sb3_prune/PlanarArmMujoco2-v0"]
)
def test_an_unknown_argument(env_id: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be made: .*colour"):
        find(env_id, colour=3).make(1)


@pytest.mark.parametrize("when", ["make", "reset", "step"])
@pytest.mark.parametrize(
    "error",
    [KeyError, ZeroDivisionError, RuntimeError, OSError, RecursionError, SystemExit],
)
def test_errors_of_an_environment_are_named(when: str, error: type) -> None:
    with pytest.raises(ConfigError, match=rf"'cli/Moody-v0' .*{error.__name__}: '?moo"):
        find("cli.picky:cli/Moody-v0", when=when, error=error)
    assert find("cli/Moody-v0", when="render", error=error).kwargs["when"] == "render"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_observations_must_be_finite(value: float) -> None:
    with pytest.raises(NonFiniteError, match="'cli/Moody-v0' has NaN or infinity in"):
        find("cli.picky:cli/Moody-v0", value=value)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "cli.picky:cli/Picky-v0"])
def test_episodes_must_end(env_id: str) -> None:
    with pytest.raises(ConfigError, match="max_episode_steps must be at least 1, got"):
        find(env_id, max_episode_steps=-1)
    assert find(env_id, max_episode_steps=1).kwargs == {"max_episode_steps": 1}


@pytest.mark.parametrize(
    ("env_id", "kwargs", "message"),
    [
        ("FrozenLake-v1", {"map_name": "9x9"}, "KeyError: '9x9'"),
        ("FrozenLake-v1", {"map_name": 3}, "KeyError: 3"),
        ("HalfCheetah-v5", {"frame_skip": 0}, "ZeroDivisionError"),
        ("Pendulum-v1", {"g": "text"}, "fails in its first step: TypeError"),
    ],
)
def test_arguments_that_fail(env_id: str, kwargs: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find(env_id, **kwargs)


@pytest.mark.parametrize(
    "env_id", ["cli.picky:cli/Picky-v0", ARM, "cli.shown:cli/Both-v0", "Pendulum-v1"]
)
def test_a_rehearsal_changes_nothing(env_id: str) -> None:
    before = torch.get_rng_state()
    assert find(env_id).spec.id == env_id.rpartition(":")[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_environments_are_wrapped_and_tests_are_frozen(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    VecNormalize(cart_poles(time=True)).save(str(path))
    around = Surroundings(wrappers=[TIME], frame_stack=2, statistics=path)
    maker = find_env("CartPole-v1", {}, lambda _: True, around)
    for env, learning in ((maker.make(2), True), (maker.make_test(9, 0), False)):
        assert env.observation_space.shape == (10,)
        statistics = unwrap_vec_normalize(env)
        assert statistics is not None
        assert (statistics.training, statistics.norm_reward) == (learning, learning)
    assert maker.to_dict() == {
        "id": "CartPole-v1",
        "kwargs": {},
        "wrappers": [TIME],
        "frame_stack": 2,
        "normalised": True,
    }


def test_a_wrapper_that_does_not_fit() -> None:
    around = Surroundings(wrappers=[{TIME: {"colour": 3}}])
    with pytest.raises(ConfigError, match=r"'CartPole-v1' cannot be made: .*colour"):
        find_env("CartPole-v1", {}, lambda _: True, around).make(1)
    around = Surroundings(wrappers=[ATARI])
    with pytest.raises(ConfigError, match=r"cannot be made: .*get_action_meanings"):
        find_env("CartPole-v1", {}, lambda _: True, around).make(1)


def test_a_wrapped_arm_moves_alone() -> None:
    around = Surroundings(wrappers=[TIME])
    maker = replace(find(ARM), around=around)
    assert maker.make(2).observation_space.shape == (7,)


def test_images_are_as_the_agent_sees_them() -> None:
    assert find("cli.shown:cli/Picture-v0").make(1).observation_space.shape == (
        *(2, 36, 36),
    )
