"""Tests for evaluation.py."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from cli import picky
from sb3_contrib import MaskablePPO
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from zoo import trained

from sb3_prune.evaluation.episodes import evaluate


def test_it_agrees_with_sb3() -> None:
    model = trained("PPO")
    result = evaluate(model, make_vec_env("CartPole-v1", 1), episodes=4, seed=5)
    env = make_vec_env("CartPole-v1", 1, seed=5)
    returns, lengths = evaluate_policy(
        model, env, n_eval_episodes=4, return_episode_rewards=True
    )
    assert result.mean_return == pytest.approx(np.mean(returns))
    assert result.std_return == pytest.approx(np.std(returns))
    assert result.mean_length == np.mean(lengths)
    assert result.success is None
    assert str(result) == (
        f"{result.mean_return:.4g} ± {result.std_return:.3g} in "
        f"{result.mean_length:.4g} steps (4 episodes)"
    )


def test_the_same_seed_gives_the_same_episodes() -> None:
    env = make_vec_env("CartPole-v1", 1)
    results = [evaluate(trained("PPO"), env, episodes=3, seed=2) for _ in range(2)]
    assert results[0] == results[1]


def test_lstm_states_begin_anew_with_each_episode() -> None:
    model = trained("RecurrentPPO")
    result = evaluate(model, make_vec_env("CartPole-v1", 1), episodes=3, seed=5)
    env = make_vec_env("CartPole-v1", 1, seed=5)
    returns, _ = evaluate_policy(
        model, env, n_eval_episodes=3, return_episode_rewards=True
    )
    assert result.mean_return == pytest.approx(np.mean(returns))


def test_masked_actions_are_not_taken() -> None:
    env = make_vec_env(picky.Picky, 2)
    model = MaskablePPO("MlpPolicy", env, n_steps=16, batch_size=16, seed=0)
    result = evaluate(model, env, episodes=4, seed=0)
    assert (result.mean_return, result.success) == (6.0, 1.0)
    assert ", success 100.0%" in str(result)


def test_masks_are_not_needed() -> None:
    model = trained("MaskablePPO")
    assert evaluate(model, make_vec_env("CartPole-v1", 1), episodes=1, seed=0).episodes


def test_short_episodes_are_not_favoured() -> None:
    """Environment i plays episodes of length i + 1, and each plays as many."""
    env = make_vec_env(Lasting, 3)
    for i, e in enumerate(env.envs):  # type: ignore[attr-defined]
        e.unwrapped.length = i + 1
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16)
    assert evaluate(model, env, episodes=6, seed=0).mean_length == 2.0


class Lasting(picky.Picky):
    """Lasts as long as it is told."""

    length = 1

    def step(
        self, action: int
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, bool]]:
        self._steps += 1
        return self._observe(), 0.0, self._steps >= self.length, False, {}


def test_arms_report_success() -> None:
    arms = make_arm_vec(4, n_joints=1)
    model = PPO("MlpPolicy", arms, n_steps=16, batch_size=16, seed=0)
    result = evaluate(model, arms, episodes=6, seed=0)
    assert (result.episodes, result.mean_length) == (6, 60)
    assert result.success is not None
    assert result.to_dict()["success"] == result.success


def test_picky_is_registered_once() -> None:
    assert gym.spec("cli/Picky-v0").entry_point is picky.Picky
