"""Tests for algorithms/value_sac.py."""

from __future__ import annotations

import io
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.sac.policies import MultiInputPolicy
from torch import nn

import sb3_prune as sp

GAMMA, ALPHA, RATE = 0.9, 0.3, 0.01
SGD = {"optimizer_class": torch.optim.SGD}


class Plane(gym.Env):  # type: ignore[type-arg]
    """A point of which both coordinates are pushed; late rewards, short episodes.

    The reward is for where the point was, so only the next value tells an action.
    """

    observation_space: Any = spaces.Box(-2, 2, (2,), np.float32)
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._at = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        self._steps = 0
        return self._observe(), {}

    def _observe(self) -> Any:
        return self._at

    def step(self, action: Any) -> Any:
        reward = -float(np.square(self._at).sum())
        self._at = np.clip(self._at + 0.5 * action, -2, 2).astype(np.float32)
        self._steps += 1
        return self._observe(), reward, self._steps >= 10, False, {}


def make(**kwargs: Any) -> Any:
    """Make a model with data, whose targets differ from its online networks."""
    arguments: dict[str, Any] = {"ent_coef": ALPHA, "gamma": GAMMA, **kwargs}
    model: Any = zoo.make_model("ValueSAC", env=Plane(), **arguments)
    zoo.train(model, 40)
    for p in (*model.value_target.parameters(), *model.critic_target.parameters()):
        p.data += 0.3 * torch.randn_like(p)
    return model


def draw(model: Any) -> Any:
    np.random.seed(0)
    batch = model.replay_buffer.sample(24)
    assert 0 < float(batch.dones.sum()) < 24
    return batch


def step(model: Any, batch: Any) -> dict[str, float]:
    torch.manual_seed(5)
    return {k: v.item() for k, v in model._gradient_step(batch).items()}


def perceptron(body: nn.Module, x: np.ndarray) -> np.ndarray:
    """Compute a ReLU network by its matrices, in double precision."""
    for module in body.children():
        if isinstance(module, nn.Linear):
            x = x @ module.weight.detach().double().numpy().T
            x = x + module.bias.detach().double().numpy()
        elif isinstance(module, nn.ReLU):
            x = np.maximum(x, 0.0)
    return x


def sampled(actor: Any, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the actions that ``step`` samples, (B, 2), and log pi, (B, 1)."""
    latent = perceptron(actor.latent_pi, obs)
    mean = perceptron(nn.Sequential(actor.mu), latent)
    std = np.exp(perceptron(nn.Sequential(actor.log_std), latent))
    torch.manual_seed(5)
    noise = torch.randn(mean.shape).double().numpy()
    actions = np.tanh(mean + std * noise)
    density = np.exp(-(noise**2) / 2) / (std * np.sqrt(2 * np.pi))
    density = density / (1 - actions**2 + 1e-6)
    return actions, np.log(density).sum(axis=1, keepdims=True)


def by_hand(model: Any, batch: Any) -> dict[str, np.ndarray]:
    """Compute all that a step needs from matrices alone, each (B, 1)."""
    parts = (batch.observations, batch.actions, batch.next_observations)
    obs, acts, following = (part.double().numpy() for part in parts)
    fresh, log_prob = sampled(model.actor, obs)
    bodies = [model.critic.qf0, model.critic.qf1]
    here = [perceptron(body, np.hstack([obs, fresh])) for body in bodies]
    going_on = GAMMA * (1 - batch.dones.numpy())
    if batch.discounts is not None:
        going_on = batch.discounts.numpy() * (1 - batch.dones.numpy())
    target = perceptron(model.value_target.net, following)
    return {
        "log_prob": log_prob,
        "soft": np.minimum(*here) - ALPHA * log_prob,
        "value": perceptron(model.value.net, obs),
        "q0": perceptron(bodies[0], np.hstack([obs, acts])),
        "q1": perceptron(bodies[1], np.hstack([obs, acts])),
        "y": batch.rewards.double().numpy() + going_on * target,
    }


def expected_losses(x: dict[str, np.ndarray]) -> dict[str, float]:
    both = (x["q0"] - x["y"]) ** 2 + (x["q1"] - x["y"]) ** 2
    return {
        "ent_coef": ALPHA,
        "value_loss": float(0.5 * np.mean((x["value"] - x["soft"]) ** 2)),
        "critic_loss": float(0.5 * np.mean(both)),
        "actor_loss": -float(np.mean(x["soft"])),
    }


@pytest.mark.parametrize("n_steps", [1, 3])
def test_the_losses_equal_a_computation_by_hand(n_steps: int) -> None:
    model = make(n_steps=n_steps)
    batch = draw(model)
    assert (batch.discounts is None) is (n_steps == 1)
    expected = expected_losses(by_hand(model, batch))
    found = step(model, batch)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


def test_a_step_goes_down_the_gradients_by_hand() -> None:
    """The gradient of an output's bias is the mean error; all are taken before."""
    model = make(policy_kwargs=SGD, learning_rate=RATE)
    batch = draw(model)
    x = by_hand(model, batch)
    errors = {
        model.value.net: x["value"] - x["soft"],
        model.critic.qf0: x["q0"] - x["y"],
        model.critic.qf1: x["q1"] - x["y"],
    }
    before = {body: body[-1].bias.item() for body in errors}
    step(model, batch)
    for body, error in errors.items():
        moved = body[-1].bias.item() - before[body]
        np.testing.assert_allclose(moved, -RATE * error.mean(), rtol=1e-3, atol=1e-7)


def test_the_actor_goes_down_the_gradient_of_its_loss() -> None:
    model = make(policy_kwargs=SGD, learning_rate=RATE)
    batch, bias = draw(model), model.actor.mu.bias
    slopes, width = [], 1e-3
    for k in range(2):
        ends = []
        for shift in (width, -width):
            bias.data[k] += shift
            ends.append(-by_hand(model, batch)["soft"].mean())
            bias.data[k] -= shift
        slopes.append((ends[0] - ends[1]) / (2 * width))
    before = bias.detach().clone()
    step(model, batch)
    moved = (bias - before).detach().numpy()
    np.testing.assert_allclose(moved, -RATE * np.array(slopes), rtol=2e-2)


def test_the_entropy_coefficient_is_learned_as_in_sb3() -> None:
    model = make(ent_coef="auto_0.3", learning_rate=RATE)
    with torch.no_grad():
        model.log_ent_coef.fill_(np.log(ALPHA))
    batch = draw(model)
    x = by_hand(model, batch)
    gap = float(x["log_prob"].mean()) + model.target_entropy
    found = step(model, batch)
    expected = {**expected_losses(x), "ent_coef_loss": -np.log(ALPHA) * gap}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)
    grown = model.log_ent_coef.item() > np.log(ALPHA)
    assert grown == (gap > 0)


def test_only_the_values_target_follows() -> None:
    model = make(tau=0.1, target_update_interval=2)
    critics = [p.clone() for p in model.critic_target.parameters()]
    old = [p.clone() for p in model.value_target.parameters()]
    model.train(1, 16)
    assert all(map(torch.equal, model.critic_target.parameters(), critics))
    online = list(model.value.parameters())
    for new, was, value in zip(
        model.value_target.parameters(), old, online, strict=True
    ):
        torch.testing.assert_close(new, 0.9 * was + 0.1 * value)


def test_the_target_waits_for_its_interval() -> None:
    steps = {}
    for interval in (1, 2):
        model = make(tau=0.1, target_update_interval=interval)
        calls: list[int] = []
        model._update_target = lambda calls=calls: calls.append(1)
        model.train(4, 16)
        steps[interval] = len(calls)
    assert steps == {1: 4, 2: 2}


@pytest.mark.slow
@pytest.mark.parametrize("ent_coef", ["auto", 0.2])
def test_it_logs_what_sac_logs_and_the_value_loss(ent_coef: str | float) -> None:
    keys = []
    for name in ("ValueSAC", "SAC"):
        model: Any = zoo.train(zoo.make_model(name, ent_coef=ent_coef))
        model.train(2, 16)
        keys.append({k for k in model.logger.name_to_value if k.startswith("train/")})
    assert keys[0] == keys[1] | {"train/value_loss"}
    assert model.logger.name_to_value["train/n_updates"] == model._n_updates == 34


def test_a_loaded_model_goes_on_as_the_saved_one() -> None:
    model = make(ent_coef="auto")
    sp.apply(model, zoo.random_plan(model.policy))
    zoo.update(model, 2)
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    loaded = sp.ValueSAC.load(buffer, device="cpu")
    assert loaded.value is loaded.policy.value
    loaded.replay_buffer = model.replay_buffer
    loaded.set_logger(model.logger)
    for one in (model, loaded):
        zoo.update(one, 5)
    zoo.assert_same(zoo.snapshot(loaded.policy), zoo.snapshot(model.policy))


class Normalised(BaseFeaturesExtractor):
    """Batch normalisation alone."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        super().__init__(space, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.norm(observations)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_running_statistics_are_copied_to_the_target(shared: bool) -> None:
    kwargs = {"features_extractor_class": Normalised}
    model = make(policy_kwargs={**kwargs, "share_features_extractor": shared})
    sp.apply(model, zoo.random_plan(model.policy))
    online, target = (
        v.features_extractor.norm for v in (model.value, model.value_target)
    )
    before = online.running_mean.clone()
    zoo.update(model, 3)
    assert not torch.equal(online.running_mean, before)
    assert torch.equal(online.running_mean, target.running_mean)
    assert torch.equal(online.running_var, target.running_var)


def test_it_trains_with_state_dependent_exploration() -> None:
    model = make(use_sde=True, policy_kwargs={"net_arch": [8, 8]})
    sp.apply(model, zoo.random_plan(model.policy))
    zoo.train_on(model)


class DictPlane(Plane):
    """The point's coordinates by name."""

    observation_space = spaces.Dict(
        {k: spaces.Box(-2, 2, (1,), np.float32) for k in "xy"}
    )

    def _observe(self) -> Any:
        return {"x": self._at[:1], "y": self._at[1:]}


class ManyInputs(sp.MaskedPolicyMixin, sp.ValuePolicyMixin, MultiInputPolicy):
    """A policy for observations by name."""


def test_it_trains_on_observations_by_name() -> None:
    zoo.train(zoo.make_model("ValueSAC", env=DictPlane(), policy=ManyInputs))


@pytest.mark.slow
def test_it_learns_a_task_with_late_rewards() -> None:
    rates = {"learning_rate": 3e-3, "tau": 0.05, "ent_coef": "auto_0.1"}
    model = make(batch_size=64, **rates)
    zoo.train_on(model, 500)
    mean, _ = evaluate_policy(model, Monitor(Plane()), n_eval_episodes=30)
    at_once = -2 / 3  # the sum of squares where it starts; 10 times that at rest
    assert mean > 4 * at_once
