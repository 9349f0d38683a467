"""Tests for loss.py: the loss is that of SB3's A2C on the same steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.env_util import make_vec_env
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.screening.loss import batch_of, loss_terms
from screening.made import Counting, Watching, window


class Rollout(Watching):
    """Keeps the window of the first rollout, as it is before the update."""

    def _on_rollout_end(self) -> None:
        buffer: Any = self.model.rollout_buffer  # type: ignore[attr-defined]
        self.advantages = buffer.advantages.copy()
        self.returns = buffer.returns.copy()
        self.batch = batch_of(self.window)
        terms = loss_terms(self.model, self.batch)
        named = dict(self.model.policy.named_parameters())
        self.gradients = dict(
            zip(named, torch.autograd.grad(terms.mean(), named.values()), strict=True)
        )


def rollout(cls: Any = A2C, env: Any = "CartPole-v1", **kwargs: Any) -> Any:
    """Return a model after its first update, and what was seen before it."""
    made = make_vec_env(env, 2, seed=0)
    model = cls("MlpPolicy", made, n_steps=16, seed=0, device="cpu", **kwargs)
    seen = Rollout(1000)
    model.learn(32, seen)
    return model, seen


@pytest.mark.parametrize("env", ["CartPole-v1", Counting])
@pytest.mark.parametrize("lam", [1.0, 0.9])
def test_advantages_are_those_of_sb3(env: Any, lam: float) -> None:
    model, seen = rollout(env=env, gae_lambda=lam)
    assert isinstance(model.policy, nn.Module) and len(seen.window.ends) == 16
    shape = seen.advantages.shape
    ours = [
        t.numpy().reshape(shape) for t in (seen.batch.advantages, seen.batch.returns)
    ]
    np.testing.assert_allclose(ours[0], seen.advantages, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours[1], seen.returns, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
def test_gradients_are_those_of_a2c(env: str, normalised: bool) -> None:
    model, seen = rollout(
        env=env,
        learning_rate=0.0,
        max_grad_norm=1e9,
        ent_coef=0.3,
        vf_coef=0.7,
        normalize_advantage=normalised,
    )
    for name, parameter in model.policy.named_parameters():
        torch.testing.assert_close(
            seen.gradients[name], parameter.grad, rtol=1e-4, atol=1e-5
        )


def test_a_first_step_of_ppo_has_the_same_gradient() -> None:
    model, seen = rollout(
        PPO, batch_size=32, n_epochs=1, learning_rate=0.0, max_grad_norm=1e9
    )
    for name, parameter in model.policy.named_parameters():
        torch.testing.assert_close(
            seen.gradients[name], parameter.grad, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("name", ["DQN", "SAC", "TD3", "RecurrentPPO"])
def test_who_has_no_such_loss_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedPolicyError, match=f"which {name} does not have"):
        batch_of(window(name))


@pytest.mark.parametrize("name", ["TRPO", "MaskablePPO"])
def test_others_have_one(name: str) -> None:
    found = window(name)
    terms = loss_terms(found.model, batch_of(found))
    assert terms.shape == (found.rewards.size,) and bool(terms.isfinite().all())
