"""Tests for solving.py."""

from __future__ import annotations

from typing import Any

import pytest
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError
from sb3_prune.screening import SolvedAt
from sb3_prune.screening.solving import SolvedCallback
from screening.made import Counting


@pytest.mark.parametrize(
    ("level", "episodes", "steps"), [(10.0, 3, 12), (10.0, 1, 4), (10.1, 1, None)]
)
def test_the_mean_of_the_last_episodes_counts(
    level: float, episodes: int, steps: int | None
) -> None:
    """Every episode returns 1 + 2 + 3 + 4 = 10 in four steps."""
    callback = SolvedCallback(SolvedAt(level=level, episodes=episodes))
    model = A2C("MlpPolicy", Counting(), seed=0)
    model.learn(20, callback)
    assert callback.steps == steps
    assert model.num_timesteps == (steps or 20)
    assert callback.updates == (None if steps is None else (steps - 1) // 5)


def test_a_training_may_have_to_go_on() -> None:
    callback = SolvedCallback(SolvedAt(level=10.0, episodes=2), least=13)
    model = A2C("MlpPolicy", Counting(), seed=0)
    model.learn(20, callback)
    assert (callback.steps, callback.updates) == (8, 1)
    assert model.num_timesteps == 13


def test_only_the_last_episodes_count() -> None:
    callback = SolvedCallback(SolvedAt(level=10.0, episodes=2))
    callback._returns.extend([1.0, 10.0, 10.0])
    assert list(callback._returns) == [10.0, 10.0]


def test_each_training_counts_anew() -> None:
    callback = SolvedCallback(SolvedAt(level=10.0, episodes=2))
    model = A2C("MlpPolicy", Counting(), seed=0)
    for _ in range(2):
        model.learn(20, callback)
        assert callback.steps == 8


def test_episodes_without_a_monitor_are_refused() -> None:
    callback = SolvedCallback(SolvedAt())
    model = A2C("MlpPolicy", DummyVecEnv([Counting]), seed=0)
    with pytest.raises(UnsupportedPolicyError, match="no Monitor"):
        model.learn(20, callback)


def test_several_environments_are_one_list() -> None:
    callback = SolvedCallback(SolvedAt(level=10.0, episodes=3))
    A2C("MlpPolicy", make_vec_env(Counting, 2), seed=0).learn(40, callback)
    assert callback.steps == 16


@pytest.mark.parametrize("bad", [{"level": float("nan")}, {"episodes": 0}])
def test_criteria_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        SolvedAt(**bad)
