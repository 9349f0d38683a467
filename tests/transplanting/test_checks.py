"""Tests for transplanting/checks.py."""

from __future__ import annotations

import pytest
import torch
import zoo
from stable_baselines3 import DQN

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.weight_masks import mask_weights
from sb3_prune.transplanting import transplant_into
from transplanting.made import env_of, trained


def test_an_agent_that_has_learnt_is_not_overwritten() -> None:
    old = trained("PPO")
    with pytest.raises(TransplantError, match="has learnt already"):
        transplant_into(old, old)


def test_another_algorithm() -> None:
    new = DQN("MlpPolicy", env_of("PPO"), buffer_size=10)
    with pytest.raises(TransplantError, match="PPO cannot be carried into one of DQN"):
        transplant_into(new, trained("PPO"))


def test_masks_that_the_new_agent_cannot_keep() -> None:
    old = zoo.make_model("PPO", env=env_of("PPO"))
    mask_weights(old, {"action_net": torch.rand(4, 10) > 0.5})
    new = zoo.make_model("PPO", stock=True, env=env_of("PPO"))
    before = zoo.snapshot(new.policy)
    with pytest.raises(TransplantError, match="PPO with ActorCriticPolicy cannot keep"):
        transplant_into(new, old)
    zoo.assert_same(zoo.snapshot(new.policy), before)
