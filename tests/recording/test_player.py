"""Tests for player.py; whole recordings are tested in test_recorder.py."""

import gymnasium as gym
import numpy as np
import pytest
import torch
import zoo
from gymnasium.wrappers import NormalizeObservation
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_prune.recording.player import Player, frozen_statistics


@pytest.mark.parametrize("name", ["PPO", "RecurrentPPO", "MaskablePPO", "BranchingDQN"])
def test_a_player_acts_greedily(name: str) -> None:
    model = zoo.trained(name)
    env, same = (DummyVecEnv([lambda: zoo.make_env(name)] * 2) for _ in range(2))
    env.seed(3)
    same.seed(3)
    player = Player(model, env, follow_critic_memory=True)
    observations = same.reset()
    state, starts = None, np.ones(2, dtype=bool)
    for _ in range(5):
        seen = player.inputs().observations
        assert isinstance(seen, torch.Tensor)
        np.testing.assert_array_equal(seen.numpy(), observations)
        actions, state = model.predict(observations, state, starts, deterministic=True)
        observations, wanted, starts, _ = same.step(actions)
        rewards, ended = player.step()
        np.testing.assert_array_equal(rewards, wanted)
        np.testing.assert_array_equal(ended, starts)


def test_statistics_are_frozen_and_go_on_later() -> None:
    env = VecNormalize(DummyVecEnv([lambda: zoo.make_env("PPO")]))
    env.reset()
    count = env.obs_rms.count
    with frozen_statistics(env):
        env.step(np.zeros(1, dtype=int))
        assert env.obs_rms.count == count
    env.step(np.zeros(1, dtype=int))
    assert env.obs_rms.count > count


def test_statistics_that_nobody_can_share_are_told() -> None:
    def env() -> DummyVecEnv:
        return DummyVecEnv([lambda: NormalizeObservation(gym.make("CartPole-v1"))])

    training = env()
    model = PPO("MlpPolicy", training, n_steps=8, batch_size=8, device="cpu")
    Player(model, training)
    with pytest.warns(UserWarning, match="whose statistics are its own"):
        Player(model, env())
