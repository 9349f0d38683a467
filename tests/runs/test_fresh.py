"""Tests for runs/fresh.py: what has learnt already is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.wrappers import NormalizeObservation, NormalizeReward
from images import BOTH, Screen
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecNormalize, unwrap_vec_normalize

from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.fresh import fresh_env

LEARNT = "statistics that have learnt already"


def poles(**kwargs: Any) -> VecNormalize:
    return VecNormalize(make_vec_env("CartPole-v1", 1), **kwargs)


def agent(env: VecEnv) -> BaseAlgorithm:
    return PPO("MlpPolicy", env, n_steps=32, batch_size=16, device="cpu").learn(32)


@pytest.mark.parametrize("kind", [{}, {"norm_obs": False}, {"norm_reward": False}])
def test_a_normalised_environment_has_to_be_a_new_one(kind: dict[str, Any]) -> None:
    model = agent(poles(**kind))
    for given in (None, model.get_env()):
        with pytest.raises(ConfigError, match=LEARNT):
            fresh_env(model, given)
    found = unwrap_vec_normalize(fresh_env(model, poles(**kind)))
    assert found is not None and found.ret_rms.count < 1


def test_dictionaries_are_normalised_by_several() -> None:
    env = VecNormalize(
        make_vec_env(partial(Screen, BOTH, True), 1), norm_obs_keys=["vec"]
    )
    env.reset()
    model = PPO("MultiInputPolicy", env, n_steps=32, batch_size=16, device="cpu")
    with pytest.raises(ConfigError, match=LEARNT):
        fresh_env(model)


def test_both_or_none_are_normalised() -> None:
    plain, normalised = make_vec_env("CartPole-v1", 1), poles()
    with pytest.raises(ConfigError, match=r"env is normalised .*, the model's is not"):
        fresh_env(agent(plain), poles())
    with pytest.raises(ConfigError, match=r"the model's is normalised .*, env is not"):
        fresh_env(agent(normalised), plain)


@pytest.mark.parametrize("wrapper", [NormalizeObservation, NormalizeReward])
def test_gymnasiums_wrappers_learn_too(wrapper: Any) -> None:
    model = agent(make_vec_env("CartPole-v1", 2, wrapper_class=wrapper))
    with pytest.raises(ConfigError, match=LEARNT):
        fresh_env(model)
    fresh_env(model, make_vec_env("CartPole-v1", 2, wrapper_class=wrapper))


def test_without_any_there_is_none(tmp_path: Any) -> None:
    agent(make_vec_env("CartPole-v1", 1)).save(tmp_path / "model")
    model = PPO.load(tmp_path / "model")
    with pytest.raises(ConfigError, match="env is missing: the model has none"):
        fresh_env(model)
    assert fresh_env(model, gym.make("CartPole-v1")).num_envs == 1


@pytest.mark.parametrize("other", ["Acrobot-v1", "MountainCar-v0"])
def test_other_spaces_are_named(other: str) -> None:
    model = agent(make_vec_env("CartPole-v1", 1))
    with pytest.raises(ConfigError, match=r"observation space of env is Box"):
        fresh_env(model, make_vec_env(other, 1))
