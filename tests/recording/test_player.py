"""Tests for player.py; whole recordings are tested in test_recorder.py."""

import numpy as np
import pytest
import torch
import zoo
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_prune.recording.player import Player


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
