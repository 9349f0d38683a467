"""Tests for evaluation/episodes.py."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from cli import picky
from sb3_contrib import MaskablePPO
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecNormalize
from zoo import trained

from sb3_prune import MaskedActorCriticPolicy
from sb3_prune.evaluation.episodes import evaluate
from sb3_prune.exceptions import ConfigError


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
    assert result.interval is not None
    assert str(result) == (
        f"{result.mean_return:.4g} ± {result.std_return:.3g} (95 % interval "
        f"{result.interval[0]:.4g} to {result.interval[1]:.4g}) in "
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
    # Who plays one more is settled beforehand, as in SB3.
    for episodes in (4, 5, 7):
        found = evaluate(model, env, episodes=episodes, seed=0)
        steps = evaluate_policy(
            model, env, episodes, return_episode_rewards=True, warn=False
        )[1]
        assert found.episodes == episodes
        assert found.mean_length == pytest.approx(np.mean(steps))


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


def normalised(training: bool = True) -> VecNormalize:
    """Return pendulums with statistics of some steps."""
    env = VecNormalize(make_vec_env("Pendulum-v1", 2, seed=0))
    env.reset()
    for _ in range(300):
        env.step(np.ones((2, 1)))
    env.training = training
    return env


@pytest.mark.parametrize("training", [False, True])
def test_normalised_agents_play_for_the_rewards_of_the_environment(
    training: bool,
) -> None:
    env = normalised(training)
    model = PPO(MaskedActorCriticPolicy, env, n_steps=64, seed=0)
    counts = env.obs_rms.count, env.ret_rms.count  # type: ignore[union-attr]
    result = evaluate(model, env, episodes=4, seed=3)
    assert (env.training, env.norm_reward) == (training, True)
    assert counts == (env.obs_rms.count, env.ret_rms.count)  # type: ignore[union-attr]
    env.training = False
    env.seed(3)
    returns, _ = evaluate_policy(
        model, env, n_eval_episodes=4, return_episode_rewards=True
    )
    assert result.mean_return == pytest.approx(np.mean(returns))
    assert result.mean_return < -500


def test_an_agent_that_trains_on_normalised_observations_needs_them() -> None:
    model = PPO("MlpPolicy", normalised(), n_steps=64, seed=0)
    with pytest.raises(ConfigError, match="is normalised by a VecNormalize, env is"):
        evaluate(model, make_vec_env("Pendulum-v1", 2), episodes=2)
    half = VecNormalize(make_vec_env("Pendulum-v1", 2), norm_obs=False)
    with pytest.raises(ConfigError, match="is normalised by a VecNormalize, env is"):
        evaluate(model, half, episodes=2)
    rewards = VecNormalize(make_vec_env("Pendulum-v1", 2), norm_obs=False)
    model = PPO("MlpPolicy", rewards, n_steps=64, seed=0)
    assert evaluate(model, make_vec_env("Pendulum-v1", 2), episodes=2).episodes == 2


def test_one_episode_has_no_interval() -> None:
    result = evaluate(trained("PPO"), gym.make("CartPole-v1"), episodes=1, seed=0)
    assert result.interval is None and "interval" not in str(result)


def test_success_is_unknown_if_only_some_episodes_tell() -> None:
    env = make_vec_env(OnlySuccesses, 1)
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16, seed=0)
    assert evaluate(model, env, episodes=4, seed=0).success is None


class OnlySuccesses(picky.Picky):
    """Says that every second episode is a success, and nothing of the others."""

    ended = 0

    def step(self, action: int) -> Any:
        self.ended += 1
        told = {"is_success": True} if self.ended % 2 else {}
        return self._observe(), 1.0, True, False, told


def test_a_plain_environment_is_enough() -> None:
    model = trained("PPO")
    plain = evaluate(model, gym.make("CartPole-v1"), episodes=3, seed=5)
    vector = make_vec_env("CartPole-v1", 1)
    assert plain == evaluate(model, vector, episodes=3, seed=5)


@pytest.mark.parametrize("env", ["CartPole-v1", None, gym.make_vec("CartPole-v1")])
def test_what_is_no_environment_is_refused(env: Any) -> None:
    with pytest.raises(ConfigError, match="must be an environment of Gymnasium or a"):
        evaluate(trained("PPO"), env, episodes=1)


@pytest.mark.parametrize("episodes", [0, -1, 1.5])
def test_impossible_numbers_of_episodes_are_refused(episodes: Any) -> None:
    with pytest.raises(ConfigError, match="episodes must be"):
        evaluate(trained("PPO"), make_vec_env("CartPole-v1", 1), episodes=episodes)


@pytest.mark.parametrize("seed", [-1, "a", 1.5])
def test_impossible_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(ConfigError, match="seed must be"):
        evaluate(trained("PPO"), gym.make("CartPole-v1"), episodes=1, seed=seed)


def test_no_seed_keeps_the_random_state() -> None:
    env = make_vec_env("CartPole-v1", 1)
    env.seed(3)
    first = evaluate(trained("PPO"), env, episodes=2)
    assert first == evaluate(trained("PPO"), env, episodes=2, seed=3)


def test_a_monitor_knows_what_wrappers_around_it_change() -> None:
    """As with lost lives and clipped rewards of Atari games."""
    model, wrapped = trained("PPO"), AtariLike(Monitor(gym.make("CartPole-v1")))
    found = evaluate(model, wrapped, episodes=4, seed=5)
    plain = evaluate(model, Monitor(gym.make("CartPole-v1")), episodes=4, seed=5)
    assert found.mean_return == found.mean_length == plain.mean_return


class AtariLike(gym.Wrapper[Any, Any, Any, Any]):
    """Ends early every seventh step, without a reset, and halves rewards."""

    steps, alive = 0, False

    def step(self, action: Any) -> Any:
        self.steps += 1
        self.seen, reward, terminated, truncated, info = self.env.step(action)
        self.alive = not (terminated or truncated)
        lost = terminated or self.steps % 7 == 0
        return self.seen, float(reward) / 2, lost, truncated, info

    def reset(self, **kwargs: Any) -> Any:
        if self.alive:
            return self.seen, {}
        return self.env.reset(**kwargs)
