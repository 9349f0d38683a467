"""Training stops once the test is passed."""

import json
from typing import Any

import gymnasium as gym
import pytest
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize, unwrap_vec_normalize

from sb3_prune import ValidationCallback
from sb3_prune.evaluation import ValidationTest
from sb3_prune.exceptions import ConfigError, SB3PruneError


def _learn(callback: ValidationCallback) -> PPO:
    model = PPO("MlpPolicy", make_arm_vec(4), n_steps=16, batch_size=64, device="cpu")
    return model.learn(640, callback=callback)


def test_it_stops_when_passed() -> None:
    easy = ValidationTest(episodes=30, rate=0.5, reward=0.0)
    callback = ValidationCallback(make_arm_vec(30), easy, every=20)
    model = _learn(callback)
    assert callback.passed
    assert model.num_timesteps == 80
    assert callback.history == [{"timesteps": 80, "success_rate": 1.0}]


def test_it_goes_on_before_start() -> None:
    easy = ValidationTest(episodes=30, rate=0.5, reward=0.0)
    callback = ValidationCallback(make_arm_vec(30), easy, every=20, start=200)
    assert _learn(callback).num_timesteps == 240
    assert len(callback.history) == 3


def test_it_goes_on_when_not_passed() -> None:
    hard = ValidationTest(episodes=30, rate=0.5, reward=1.1)
    callback = ValidationCallback(make_arm_vec(30), hard, every=50)
    assert _learn(callback).num_timesteps == 640
    assert not callback.passed
    assert [entry["success_rate"] for entry in callback.history] == [0.0] * 3


def test_an_untrained_agent_passes_nothing_without_a_criterion() -> None:
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, device="cpu")
    tests = make_vec_env("CartPole-v1", 20)
    with pytest.raises(ConfigError, match="say which last reward is a success"):
        model.learn(128, callback=ValidationCallback(tests, every=64))


@pytest.mark.slow
def test_tests_use_the_statistics_of_the_training() -> None:
    env, tests = (VecNormalize(make_vec_env("Pendulum-v1", 2)) for _ in range(2))
    hard = ValidationTest(episodes=30, rate=0.5, reward=1.0)
    callback = ValidationCallback(tests, hard, every=150)
    model = PPO("MlpPolicy", env, n_steps=300, batch_size=50, device="cpu")
    model.learn(600, callback=callback)
    assert len(callback.history) == 2 and env.obs_rms is not tests.obs_rms
    assert tests.obs_rms.count == pytest.approx(600, abs=10)  # type: ignore[union-attr]
    bare = ValidationCallback(make_vec_env("Pendulum-v1", 2), hard, every=150)
    with pytest.raises(ConfigError, match="normalised by a VecNormalize, env is not"):
        model.learn(600, callback=bare)


def test_a_plain_environment_is_enough() -> None:
    easy = ValidationTest(episodes=5, rate=0.5, reward=0.0)
    callback = ValidationCallback(gym.make("CartPole-v1"), easy, every=64)
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, device="cpu")
    model.learn(640, callback=callback)
    assert callback.passed and model.num_timesteps == 64


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0},
        {"every": 2.5},
        {"start": -1},
        {"seed": -1},
        {"verbose": float("nan")},
    ],
)
def test_impossible_numbers_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ValidationCallback(gym.make("CartPole-v1"), **wrong)
    with pytest.raises(ConfigError, match="env must be an environment"):
        ValidationCallback(3)  # type: ignore[arg-type]
    for env in ("Cart", "NoModule:x-v0"):
        with pytest.raises(ConfigError, match=rf"env '{env}' cannot be made: .*"):
            ValidationCallback(env)


EASY = {"episodes": 5, "rate": 0.5, "reward": 0.0}


@pytest.mark.parametrize("norm_obs", [True, False, None])
def test_plain_values_are_enough_to_build_it(norm_obs: bool | None) -> None:
    callback = ValidationCallback("CartPole-v1", EASY, every=64)
    env = make_vec_env("CartPole-v1")
    if norm_obs is not None:
        env = VecNormalize(env, norm_obs=norm_obs)
    model = PPO("MlpPolicy", env, n_steps=64, device="cpu")
    model.learn(640, callback=callback)
    assert callback.passed and model.num_timesteps == 64
    assert callback.test == ValidationTest(episodes=5, rate=0.5, reward=0.0)
    if norm_obs:
        own, tests = model.get_vec_normalize_env(), callback.env
        assert isinstance(tests, VecNormalize) and own is not None
        assert tests.obs_rms.mean == pytest.approx(own.obs_rms.mean)  # type: ignore[union-attr]


def test_an_id_of_other_observations_is_refused() -> None:
    callback = ValidationCallback("Pendulum-v1", EASY)
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, device="cpu")
    with pytest.raises(ConfigError, match="'Pendulum-v1' has the observations"):
        model.learn(64, callback=callback)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ({"episode": 5}, "Unknown option of the validation test 'episode'"),
        ({"rate": "high"}, "rate must be finite and at least 0, got 'high'"),
        ({"rate": float("nan")}, "rate must be finite .* got nan"),
        (5, "test must be a ValidationTest, a mapping"),
    ],
)
def test_an_impossible_test_is_refused(test: Any, message: str) -> None:
    with pytest.raises(SB3PruneError, match=message):
        ValidationCallback("CartPole-v1", test)


def test_a_resumed_run_plays_other_episodes() -> None:
    hard = ValidationTest(episodes=30, rate=0.5, reward=1.1)
    first = ValidationCallback(make_arm_vec(30), hard, every=50)
    _learn(first)
    again = ValidationCallback(make_arm_vec(30), hard, every=50)
    again.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert (again.history, again.passed) == (first.history, False)
    with pytest.raises(SB3PruneError, match="history"):
        again.load_state_dict({"passed": True})


def test_the_training_environment_is_refused() -> None:
    env = make_arm_vec(4)
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=64, device="cpu")
    for given in (env, model.get_env()):
        with pytest.raises(ConfigError, match="env is the training environment"):
            model.learn(64, callback=ValidationCallback(given))


def test_a_plain_environment_that_both_step_is_refused() -> None:
    env = gym.make("CartPole-v1")
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=32, device="cpu")
    with pytest.raises(ConfigError, match="env is the training environment"):
        model.learn(64, callback=ValidationCallback(env))


def test_an_id_follows_the_normalisation_of_each_model() -> None:
    callback = ValidationCallback(
        "CartPole-v1", {"episodes": 40, "rate": 0.5, "reward": 1e6}, every=20
    )
    for wrap in (VecNormalize, lambda env: env):
        env = wrap(make_vec_env("CartPole-v1", 1))
        PPO("MlpPolicy", env, n_steps=32, batch_size=32).learn(64, callback=callback)
        assert (unwrap_vec_normalize(callback.env) is None) == (
            wrap is not VecNormalize
        )
