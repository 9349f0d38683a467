"""Tests for transplanting/mujoco_names.py: entries have the values that are named."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from sb3_prune.transplanting.mujoco_names import (
    POSITIONS,
    VELOCITIES,
    driven,
    observed,
)

STATES = ["HalfCheetah", "Hopper", "Walker2d", "Swimmer", "InvertedPendulum"]
STATES += ["Ant", "Humanoid", "HumanoidStandup"]
OTHERS = ["Reacher", "Pusher", "InvertedDoublePendulum"]


def robot(name: str, **kwargs: Any) -> Any:
    return gym.make(f"{name}-v5", **kwargs).unwrapped


def moved(env: Any) -> Any:
    """Put a robot into a state without equal numbers, and return what it observes."""
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    env.set_state(
        env.data.qpos + rng.uniform(-0.1, 0.1, env.model.nq),
        env.data.qvel + rng.uniform(-1, 1, env.model.nv),
    )
    return env._get_obs()


def value(env: Any, name: str) -> float:
    """Return what a name says, by MuJoCo's own access by name."""
    field, owner, *rest = name.split(".")
    if field in ("cinert", "cvel", "cfrc_ext"):
        return float(getattr(env.data.body(owner), field)[int(rest[0])])
    joint = env.data.joint(owner)
    endings = POSITIONS if field == "qpos" else VELOCITIES
    ending = f".{rest[0]}" if rest else ""
    return float(getattr(joint, field)[endings[len(joint.qpos)].index(ending)])


def is_named(env: Any, name: str) -> bool:
    """Tell whether a model itself has a name: some bodies of the ant have none."""
    return not name.split(".")[1].startswith("body")


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("hidden", [True, False])
def test_states(name: str, hidden: bool) -> None:
    can_hide = name != "InvertedPendulum"
    options = {"exclude_current_positions_from_observation": hidden}
    env = robot(name, **options if can_hide else {})
    seen, names = moved(env), observed(env)
    assert len(names) == len(set(names)) == len(seen) == env.observation_space.shape[0]
    for index, each in enumerate(names):
        if is_named(env, each):
            assert value(env, each) == pytest.approx(seen[index]), each


@pytest.mark.parametrize("name", OTHERS)
def test_more_than_states(name: str) -> None:
    env = robot(name)
    seen, names = moved(env), observed(env)
    assert len(names) == len(set(names)) == len(seen)
    functions = {"sin": np.sin, "cos": np.cos}
    bodies = {"from_target": env.get_body_com("target")} if name == "Reacher" else {}
    for index, each in enumerate(names):
        field, owner, *_ = each.split(".")
        if field in functions:
            expected = functions[field](value(env, f"qpos.{owner}"))
        elif field.startswith("q"):
            expected = value(env, each)
        elif field in bodies:
            tip = env.get_body_com("fingertip") - bodies[field]
            expected = tip["xyz".index(owner)]
        else:
            expected = env.get_body_com(field)["xyz".index(owner)]
        assert expected == pytest.approx(seen[index]), each


@pytest.mark.parametrize("name", [*STATES, *OTHERS])
def test_actuators_drive_the_joints_that_are_named(name: str) -> None:
    env = robot(name)
    names = driven(env)
    assert len(set(names)) == len(names) == env.action_space.shape[0]
    for index, each in enumerate(names):
        joint = env.model.joint(int(env.model.actuator(index).trnid[0])).name
        assert each in (env.model.actuator(index).name, joint)
        env.reset(seed=0)
        env.data.ctrl[:] = np.eye(len(names))[index]
        mujoco.mj_forward(env.model, env.data)
        turned = np.flatnonzero(env.data.qfrc_actuator)
        assert turned.tolist() == env.model.joint(joint).dofadr.tolist()


def test_other_parts_of_the_state() -> None:
    env = robot("Ant", include_cfrc_ext_in_observation=False)
    assert not any(name.startswith("cfrc_ext") for name in observed(env))
    assert len(observed(env)) == env.observation_space.shape[0]


def test_what_is_no_robot_has_no_names() -> None:
    env: Any = gym.make("CartPole-v1").unwrapped
    env.observation_structure = {"qpos": 4}
    assert observed(env) == driven(env) == ()


def test_a_robot_that_observes_something_of_its_own() -> None:
    env = robot("Hopper")
    env.observation_structure = {"lidar": 11}
    assert observed(env) == ()
    env.action_space = gym.spaces.Discrete(3)
    assert driven(env) == ()
