"""The binomial validation test and the success rate."""

from typing import Any

import numpy as np
import pytest
from cli import picky
from sb3_contrib import MaskablePPO
from sb3_prune_envs import make_arm_vec
from scipy.stats import binom
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from sb3_prune import SB3PruneError
from sb3_prune.evaluation import ValidationTest, success_rate
from sb3_prune.exceptions import ConfigError


def test_the_papers_test_needs_279_of_300() -> None:
    test = ValidationTest()
    assert test.required == 279
    assert test.passed(279 / 300)
    assert not test.passed(278 / 300)


@pytest.mark.parametrize("episodes", [50, 120, 300, 1000])
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_required_is_the_smallest_count_that_rejects(
    episodes: int, rate: float
) -> None:
    test = ValidationTest(episodes=episodes, rate=rate)
    tail = [binom.sf(k - 1, episodes, rate) for k in range(episodes + 1)]
    slow = next(k for k, p in enumerate(tail) if p <= test.alpha)
    assert test.required == slow


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"episodes": 0}, "episodes must be at least 1, got 0"),
        ({"rate": 1.0}, r"rate must be in \(0, 1\), got 1.0"),
        ({"alpha": 0.0}, r"alpha must be in \(0, 1\), got 0.0"),
        ({"rate": "high"}, "rate must be finite and at least 0, got 'high'"),
        ({"alpha": None}, "alpha must be finite and at least 0, got None"),
        ({"reward": float("-inf")}, "reward must be finite, got -inf"),
        ({"reward": float("nan")}, "reward must be finite, got nan"),
        ({"reward": 10**400}, "reward must be finite, got 1000"),
        ({"episodes": 10}, "10 episodes cannot show a rate above 0.9"),
    ],
)
def test_impossible_tests_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(SB3PruneError, match=message):
        ValidationTest(**options)  # type: ignore[arg-type]


def test_success_rate_equals_a_slow_count() -> None:
    """Three arms, seven episodes: each arm's first ones count, three at most."""
    env = make_arm_vec(3, n_joints=1)
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu")
    reward = 0.2
    found = success_rate(model, env, episodes=7, reward=reward, seed=5)
    env.seed(5)
    observations, last = env.reset(), []
    for _ in range(3 * 60):
        actions, _ = model.predict(observations, deterministic=True)
        observations, rewards, dones, _ = env.step(actions)
        last += rewards[dones].tolist()
    assert 0 < found < 1
    assert found == np.mean(np.array(last[:7]) >= reward)


def test_success_rate_of_episodes_of_unequal_length() -> None:
    env = make_vec_env("CartPole-v1", n_envs=2, seed=0)
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu")
    assert success_rate(model, env, episodes=5, reward=1.0, seed=0) == 1.0
    assert success_rate(model, env, episodes=5, reward=1.1, seed=0) == 0.0


def test_arms_say_what_a_success_is_as_the_source_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = make_arm_vec(3, n_joints=1)
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu")
    shares = []
    for reward in (None, 0.9):
        rng = np.random.default_rng(0)

        def draw(*_: Any, rng: Any = rng, **__: Any) -> tuple[Any, None]:
            return rng.integers(3, size=(3, 1)), None

        monkeypatch.setattr(model, "predict", draw)
        shares.append(success_rate(model, env, episodes=300, reward=reward, seed=5))
    assert shares[0] == shares[1] and 0 < shares[0] < 1


def test_without_is_success_a_criterion_is_demanded() -> None:
    env = make_vec_env("CartPole-v1", n_envs=2, seed=0)
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu")
    with pytest.raises(ConfigError, match=r"does not say 'is_success'.* option reward"):
        success_rate(model, env, episodes=5)
    for reward in ("high", float("nan")):
        with pytest.raises(ConfigError, match="reward must be finite"):
            success_rate(model, env, episodes=5, reward=reward)  # type: ignore[arg-type]


def test_what_the_infos_say_counts_not_the_reward() -> None:
    env = make_vec_env(picky.Picky, 2)
    model = MaskablePPO("MlpPolicy", env, n_steps=16, batch_size=16, seed=0)
    assert success_rate(model, env, episodes=4, seed=0) == 1.0
    assert success_rate(model, env, episodes=4, reward=2.0, seed=0) == 0.0
