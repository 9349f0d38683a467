"""Tests for transplanting/names.py, on the environments themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import FlattenObservation, RescaleAction, TimeAwareObservation
from sb3_prune_envs import ENV_IDS, make_arm_vec
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecNormalize,
)

from sb3_prune.transplanting.heads import count_actions
from sb3_prune.transplanting.names import action_names, observation_names
from transplanting.made import Toy

CONTROL = ["CartPole-v1", "Acrobot-v1", "Pendulum-v1"]
CONTROL += ["MountainCar-v0", "MountainCarContinuous-v0"]
LANDERS = ["LunarLander-v3", "LunarLanderContinuous-v3"]
ARM = "sb3_prune_envs:sb3_prune/PlanarArm1-v0"
ROBOTS = ["HalfCheetah-v5", "Ant-v5", "Humanoid-v5", "Reacher-v5", "Pusher-v5"]


def indices(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def make(name: str) -> Any:
    if name in LANDERS:
        pytest.importorskip("Box2D")
    return gym.make(name)


@pytest.mark.parametrize("name", [*CONTROL, *LANDERS, *ROBOTS, *ENV_IDS])
def test_each_entry_has_a_name_of_its_own(name: str) -> None:
    env = make(name)
    found = observation_names(env), action_names(env)
    counts = env.observation_space.shape[0], count_actions(env.action_space)
    for names, count in zip(found, counts, strict=True):
        assert len(names) == len(set(names)) == count
        assert not any(n.isdecimal() or "=" in n or n.startswith("-") for n in names)


def seen(env: Any, state: Any) -> dict[str, float]:
    """Return what is observed in a state of classic control, by name."""
    env.reset(seed=0)
    env.unwrapped.state = np.array(state, dtype=float)
    get = getattr(env.unwrapped, "_get_obs", None) or getattr(
        env.unwrapped, "_get_ob", lambda: env.unwrapped.state
    )
    return dict(zip(observation_names(env), get().tolist(), strict=True))


def test_classic_control() -> None:
    assert seen(make("CartPole-v1"), [1, 2, 0.1, 3]) == {
        "position": 1,
        "velocity": 2,
        "angle": 0.1,
        "spin": 3,
    }
    pendulum = seen(make("Pendulum-v1"), [0.3, 2])
    assert pendulum == pytest.approx(
        {"cos": np.cos(0.3), "sin": np.sin(0.3), "spin": 2}
    )
    acrobot = seen(make("Acrobot-v1"), [0.3, 0.5, 1, 2])
    assert acrobot == pytest.approx(
        {
            **{"cos1": np.cos(0.3), "sin1": np.sin(0.3), "spin1": 1},
            **{"cos2": np.cos(0.5), "sin2": np.sin(0.5), "spin2": 2},
        }
    )
    for name in CONTROL[3:]:
        assert seen(make(name), [-0.5, 0.01]) == {"position": -0.5, "velocity": 0.01}


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("CartPole-v1", "left", "right"),
        ("Acrobot-v1", "minus", "plus"),
        ("MountainCar-v0", "left", "right"),
    ],
)
def test_choices_push_in_the_direction_that_is_named(
    name: str, left: str, right: str
) -> None:
    env = make(name)
    speeds = []
    for choice in (left, right):
        env.reset(seed=0)
        env.unwrapped.state = np.zeros_like(env.unwrapped.state)
        env.step(action_names(env).index(choice))
        changed = dict(zip(observation_names(env), env.step(0)[0], strict=True))
        speeds.append(changed.get("velocity", changed.get("spin2")))
    assert speeds[0] < speeds[1]


def test_lunar_lander() -> None:
    env = make("LunarLander-v3")
    env.reset(seed=0)
    before = dict(zip(observation_names(env), env.step(0)[0], strict=True))
    lander = env.unwrapped.lander
    assert before["angle"] == pytest.approx(lander.angle)
    assert np.sign(before["spin"]) == np.sign(lander.angularVelocity)
    assert np.sign(before["velocity_y"]) == np.sign(lander.linearVelocity.y)
    after = before
    for _ in range(20):
        main = action_names(env).index("main")
        after = dict(zip(observation_names(env), env.step(main)[0], strict=True))
    assert after["velocity_y"] > before["velocity_y"]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda: make_vec_env("CartPole-v1", 2),
        lambda: VecNormalize(make_vec_env("CartPole-v1")),
        lambda: VecCheckNan(VecNormalize(make_vec_env("CartPole-v1"))),
        lambda: FlattenObservation(gym.make("CartPole-v1")),
    ],
)
def test_wrappers_that_keep_the_entries(wrapped: Callable[[], Any]) -> None:
    plain = gym.make("CartPole-v1")
    assert observation_names(wrapped()) == observation_names(plain)
    assert action_names(wrapped()) == action_names(plain)


def test_wrappers_that_change_how_many_there_are() -> None:
    stacked = VecFrameStack(make_vec_env("CartPole-v1"), 2)
    assert observation_names(stacked) == indices(8)
    assert action_names(stacked) == ("left", "right")
    timed = TimeAwareObservation(gym.make("Pendulum-v1"))
    assert observation_names(timed) == indices(4)
    hiding = gym.wrappers.TransformObservation(
        timed, lambda seen: seen[1:], spaces.Box(-8, 8, (3,), np.float32)
    )
    assert observation_names(hiding) == indices(3)  # As many as at first, but others.
    assert action_names(RescaleAction(timed, -1, 1)) == ("torque",)


class Named(Toy):
    """An environment that names what it has."""

    def __init__(self, observations: Any, actions: Any, space: Any) -> None:
        super().__init__(2, space)
        self.observation_names, self.action_names = observations, actions


def test_environments_name_their_own_entries() -> None:
    env = Named(["height", "speed"], ("up", "down"), spaces.MultiBinary(2))
    assert observation_names(env) == ("height", "speed")
    assert action_names(gym.wrappers.TimeLimit(env, 5)) == ("up", "down")


class Turned(gym.ObservationWrapper):  # type: ignore[type-arg]
    """Turns the order of observations around, and names what it shows."""

    observation_names = ("spin", "angle", "velocity", "position")

    def __init__(self) -> None:
        super().__init__(gym.make("CartPole-v1"))
        self.action_names = ["west", "east"]

    def observation(self, observation: Any) -> Any:
        return observation[::-1]


def test_wrappers_name_the_entries_that_they_change() -> None:
    others = SubprocVecEnv([Turned], start_method="fork")
    outside = gym.wrappers.TimeLimit(Turned(), 5)
    for env in (Turned(), outside, DummyVecEnv([Turned]), VecCheckNan(others), others):
        assert observation_names(env) == Turned.observation_names
        assert action_names(env) == ("west", "east")
    others.close()
    stacked = VecFrameStack(DummyVecEnv([Turned]), 2)
    assert observation_names(stacked) == indices(8)
    timed = TimeAwareObservation(Turned())
    four = spaces.Box(-8, 8, (4,), np.float32)
    hiding = gym.wrappers.TransformObservation(timed, lambda seen: seen[1:], four)
    assert observation_names(DummyVecEnv([lambda: hiding])) == indices(4)
    timed.observation_names = ["a", "b", "c", "d", "e"]  # type: ignore[attr-defined]
    assert observation_names(DummyVecEnv([lambda: timed])) == tuple("abcde")
    assert observation_names(hiding) == indices(4)


@pytest.mark.parametrize(
    "odd",
    [["a"], ["a", "a"], ["a", 1], ["a", ""], ["new", "a"], ["a=b", "c"], ["1", "0"]],
)
def test_names_that_cannot_be_used(odd: Any) -> None:
    env = Named(odd, lambda: odd, spaces.Discrete(2))
    assert observation_names(env) == action_names(env) == ("0", "1")


def test_many_arms_at_once() -> None:
    arms = make_arm_vec(3, n_joints=1, action_mode="joint")
    assert observation_names(VecNormalize(arms)) == ("sin1", "cos1", "goal_x", "goal_y")
    assert action_names(arms) == ("plus", "minus", "rest")


@pytest.mark.slow
def test_environments_in_other_processes() -> None:
    arms = make_vec_env(ARM, vec_env_cls=SubprocVecEnv)
    assert observation_names(arms)[0] == "sin1"
    arms.close()
    poles = make_vec_env("CartPole-v1", vec_env_cls=SubprocVecEnv)
    assert observation_names(poles) == indices(4)
    poles.close()


def test_what_has_no_names_has_indices() -> None:
    assert observation_names(Toy(3, spaces.Discrete(2))) == indices(3)
    assert action_names(Toy(3, spaces.MultiDiscrete([2, 3]))) == indices(5)
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8)
    assert observation_names(model) == indices(4)


def test_what_is_no_vector_has_none() -> None:
    env = Toy(3, spaces.Text(2))
    env.observation_space = spaces.Dict({"a": env.observation_space})  # type: ignore[assignment]
    assert observation_names(env) == action_names(env) == ()
