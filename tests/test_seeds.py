"""Tests begin with other episodes than trainings."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp


class Starts(gym.Wrapper[Any, Any, Any, Any]):
    """Notes the first observation of every episode."""

    def __init__(self, env: gym.Env[Any, Any], found: set[bytes]) -> None:
        super().__init__(env)
        self.found = found

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.env.reset(**kwargs)
        self.found.add(np.asarray(observation).tobytes())
        return observation, info


def cart_poles(found: set[bytes]) -> Any:
    return make_vec_env(lambda: Starts(gym.make("CartPole-v1"), found), 4)


def test_a_validation_begins_where_no_training_episode_did() -> None:
    trained: set[bytes] = set()
    tested: set[bytes] = set()
    test = {"episodes": 16, "reward": 1.0, "rate": 0.5}
    callback = sp.ValidationCallback(cart_poles(tested), test, every=64, start=10**9)
    small = {"n_steps": 64, "batch_size": 64, "device": "cpu"}
    model = PPO("MlpPolicy", cart_poles(trained), seed=0, **small)
    model.learn(256, callback=callback)
    assert len(callback.history) == 1 and len(tested) >= 16 and len(trained) > 8
    assert not trained & tested
