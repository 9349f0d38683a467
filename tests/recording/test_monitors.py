"""Tests for recording/monitors.py."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from evaluation.test_episodes import AtariLike
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnvWrapper,
    VecMonitor,
)
from zoo import trained

from sb3_prune.evaluation.episodes import Evaluation, evaluate, play
from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import monitors


def limited(steps: int = 7, monitor: bool = True, noops: int = 0) -> gym.Env[Any, Any]:
    """Return a CartPole whose episodes a wrapper outside of a Monitor ends."""
    inner = gym.make("CartPole-v1")
    env: Any = Noops(Monitor(inner) if monitor else inner, noops)
    return gym.wrappers.TimeLimit(env, steps)


class Noops(gym.Wrapper[Any, Any, Any, Any]):
    """Acts a while after each reset, as wrappers for Atari games do."""

    def __init__(self, env: Any, count: int) -> None:
        super().__init__(env)
        self.count = count

    def reset(self, **kwargs: Any) -> Any:
        found = self.env.reset(**kwargs)
        for k in range(self.count):
            found = self.env.step(k % 2)[0], {}
        return found


def played(env: Any, episodes: int = 6, seed: int = 5) -> Evaluation:
    """Evaluate an agent; ignore what is said of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return evaluate(trained("PPO"), env, episodes=episodes, seed=seed)


@pytest.mark.parametrize("noops", [0, 9])
def test_an_episode_that_the_monitor_missed_counts_by_what_the_agent_saw(
    noops: int,
) -> None:
    with pytest.warns(UserWarning, match="of 6 episodes, return and length are what"):
        found = evaluate(trained("PPO"), limited(noops=noops), episodes=6, seed=5)
    assert found.mean_length == found.mean_return == 7
    assert found == played(limited(noops=noops, monitor=False))


def test_episodes_that_survive_are_not_left_out() -> None:
    """The Monitor reports only those in which the pole fell before the limit."""
    found = played(limited(60), episodes=20)
    assert found == played(limited(60, monitor=False), episodes=20)
    assert found.std_return > 0 and found.mean_return < 60


def test_other_processes_and_environments_without_a_monitor() -> None:
    env = SubprocVecEnv([limited, lambda: limited(5)], start_method="fork")
    with pytest.warns(UserWarning, match="of 4 episodes"):
        found = evaluate(trained("PPO"), env, episodes=4, seed=5)
    env.close()
    assert found.mean_length == 6
    mixed = DummyVecEnv([limited, lambda: limited(5, monitor=False)])
    assert played(mixed, episodes=4).mean_length == 6


def test_lives_that_are_lost_end_no_episode() -> None:
    bare = played(Monitor(gym.make("CartPole-v1")))
    assert played(AtariLike(Monitor(gym.make("CartPole-v1")))) == bare
    both = gym.wrappers.TimeLimit(AtariLike(Monitor(gym.make("CartPole-v1"))), 4)
    assert played(both) == bare


class Chopped(VecEnvWrapper):
    """Says that all ends every step, and resets nothing."""

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        seen, rewards, _, infos = self.venv.step_wait()
        return seen, rewards, np.ones(self.num_envs, dtype=bool), infos


@pytest.mark.parametrize("whole", [True, False])
def test_an_agent_that_never_hears_of_the_monitor_is_not_awaited(
    whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitors, "MOST_LIVES", 3)
    bare = gym.make("CartPole-v1")
    inner = DummyVecEnv([lambda: bare if whole else Monitor(bare)])
    env = Chopped(VecMonitor(inner) if whole else inner)
    with pytest.raises(ConfigError, match=r"ended 3 times without .*put the Monitor"):
        play(trained("PPO"), env, episodes=1, seed=0)
