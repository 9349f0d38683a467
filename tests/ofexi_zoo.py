"""Tiny agents on feature extractors, and what the tests do with them."""

from __future__ import annotations

import copy
import io
from functools import cache
from typing import Any
from unittest import mock

import gymnasium as gym
import numpy as np
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
import zoo
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import polyak_update
from torch import nn

import sb3_prune as sp
from sb3_prune.networks.dense import DenseBlock
from sb3_prune.surgery.optimizer import optimizers

OFE: dict[str, Any] = {"blocks": 3, "units": 6, "norm": "batch"}
PPO = {"n_steps": 16, "batch_size": 8, "n_epochs": 2}
OFF = {**zoo.OFF, "learning_starts": 16}
CASES: dict[str, tuple[type[BaseAlgorithm], type, dict[str, Any]]] = {
    "SAC": (sb3.SAC, sp.OFEXiSACPolicy, OFF),
    "ValueSAC": (sp.ValueSAC, sp.OFEXiValueSACPolicy, OFF),
    "TD3": (sb3.TD3, sp.OFEXiTD3Policy, OFF),
    "DDPG": (sb3.DDPG, sp.OFEXiTD3Policy, OFF),
    "TQC": (contrib.TQC, sp.OFEXiTQCPolicy, OFF),
    "PPO": (sb3.PPO, sp.OFEXiActorCriticPolicy, PPO),
    "A2C": (sb3.A2C, sp.OFEXiActorCriticPolicy, {"n_steps": 8}),
}
"""Algorithm name -> class, policy, arguments."""
ALGORITHMS = list(CASES)
FORMS = [name for name in CASES if name not in ("DDPG", "A2C")]
"""Algorithms whose networks differ."""
OFF_POLICY = ["SAC", "ValueSAC", "TD3", "DDPG", "TQC"]
NORMS = ["batch", "layer", "none"]


def make_model(name: str, *, seed: int = 0, **kwargs: Any) -> Any:
    """Make a tiny model; ``ofe`` and ``policy_kwargs`` add to those of the policy."""
    cls, policy, arguments = CASES[name]
    given = {"net_arch": list(zoo.ARCH), "ofe": {**OFE, **kwargs.pop("ofe", {})}}
    given |= zoo.SMALL.get(name, {}) | kwargs.pop("policy_kwargs", {})
    env = kwargs.pop("env", None) or gym.make("Pendulum-v1")
    arguments = {"device": "cpu", **arguments, **kwargs}
    return cls(policy, env, seed=seed, policy_kwargs=given, **arguments)


def train(model: Any, steps: int = 24, **kwargs: Any) -> Any:
    """Train agent and extractor for a few steps."""
    features = sp.FeatureCallback(pretraining=4, batch_size=16)
    return zoo.train(model, steps, **{"callback": features, **kwargs})


def train_on(model: Any, steps: int = 16) -> Any:
    """Go on with training."""
    return train(model, steps, reset_num_timesteps=False)


@torch.no_grad()
def scramble(policy: nn.Module, seed: int = 0) -> None:
    """Draw scales, biases and statistics of the extractor, so that none is neutral."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in (*policy.ofe.parameters(), *policy.ofe.buffers()):  # type: ignore
        if tensor.ndim == 1:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)


@cache
def trained(name: str, norm: str = "batch") -> Any:
    """Return a model trained for a few steps, for tests that do not change it."""
    model = train(make_model(name, ofe={"norm": norm}))
    scramble(model.policy)
    return model


def copied(name: str, norm: str = "batch") -> Any:
    """Return a copy of the policy of :func:`trained`, optimisers included."""
    return zoo.copy_policy(trained(name, norm))


def inputs(
    model: Any, count: int = 64, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw observations and actions."""
    observations = torch.as_tensor(zoo.observations(model, count, seed))
    generator = torch.Generator().manual_seed(seed)
    size = int(np.prod(model.action_space.shape))
    return observations, torch.rand(count, size, generator=generator) * 2 - 1


@torch.no_grad()
def outputs(policy: Any, count: int = 64, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return what the whole agent, targets included, says of observations."""
    obs, actions = inputs(policy, count, seed)
    dtype = next(policy.parameters()).dtype
    obs, actions = obs.to(dtype), actions.to(dtype)
    with mock.patch(PREPROCESS, lambda observations, *_, **__: observations):
        return _outputs(policy, obs, actions)


PREPROCESS = "stable_baselines3.common.policies.preprocess_obs"
"""It makes observations float32, whatever the policy is."""


def _outputs(
    policy: Any, obs: torch.Tensor, actions: torch.Tensor
) -> dict[str, torch.Tensor]:
    ofe = policy.ofe
    found = {"prediction": ofe.f_pred(ofe.features(obs, actions))}
    if isinstance(policy, sp.OFEXiActorCriticPolicy):
        found["mean"] = policy.get_distribution(obs).distribution.mean
        found["value"] = policy.predict_values(obs)
        return found
    for name, network in policy.named_children():
        if name.startswith("actor"):
            found[name] = _mean(network, obs)
        elif name.startswith("critic"):
            values = network(obs, actions)
            stacked = isinstance(values, torch.Tensor)
            found[name] = values if stacked else torch.cat(values, dim=1)
        elif name.startswith("value"):
            found[name] = network(obs)
    return found


def _mean(actor: Any, obs: torch.Tensor) -> torch.Tensor:
    gaussian = hasattr(actor, "get_action_dist_params")
    return actor.get_action_dist_params(obs)[0] if gaussian else actor(obs)


def assert_close(policy: Any, expected: dict[str, torch.Tensor], atol: float) -> None:
    """Assert that the agent still says what it said."""
    found = outputs(policy)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, atol=atol, rtol=atol, msg=lambda m, n=name: f"{n}: {m}"
        )


def random_plan(policy: nn.Module, seed: int, share: float = 0.7) -> sp.Plan:
    """Remove random units from a random share of the layers."""
    rng = np.random.default_rng(seed)
    changes = {}
    for name, layer in sp.wire(policy).items():
        if rng.random() < share:
            count = int(rng.integers(1, max(2, layer.units)))
            gone = rng.choice(layer.units, min(count, layer.units - 1), replace=False)
            changes[name] = sp.surgery.remove(gone.tolist(), layer.units)
    return sp.Plan(changes)


def learn_thetas(policy: Any, seed: int = 0) -> None:
    """Let every gate learn, targets included, at random probabilities."""
    generator = torch.Generator().manual_seed(seed)
    for layer in sp.wire(policy).values():
        for twin in layer.with_targets():
            assert twin.gate is not None
            twin.gate.learn(twin.like)
            draw = torch.rand(layer.units, generator=generator)
            for tensor in (twin.gate.theta_mean, twin.gate.theta_square):
                assert tensor is not None
                tensor.copy_(draw)
            with torch.no_grad():
                twin.gate.theta.copy_(0.2 + 0.8 * draw)  # type: ignore[union-attr]


def reload(model: Any) -> Any:
    """Save a model and load it."""
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    return type(model).load(buffer, env=model.env, device="cpu")


def snapshot(policy: Any) -> dict[str, Any]:
    """Copy all that surgery and loading may touch."""
    state = copy.deepcopy(dict(policy.state_dict()))
    state["learning"] = copy.deepcopy(policy.ofe.learning_state())
    for name, optimizer in optimizers(policy).items():
        state[name] = copy.deepcopy(optimizer.state_dict())
    state["widths"] = {n: repr(m) for n, m in policy.named_modules() if n}
    return state


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Assert that two snapshots are equal, bit for bit."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert zoo.equal(found[key], value), key


def ours(policy: Any) -> dict[str, Any]:
    """Copy the extractor: weights, statistics, optimiser, counters."""
    return whole(policy.ofe)


def whole(net: Any) -> dict[str, Any]:
    """Copy a net: weights, statistics, optimiser, counters."""
    return copy.deepcopy({**net.state_dict(), "learning": net.learning_state()})


def blocks(policy: Any) -> list[DenseBlock]:
    """Return the blocks of both branches."""
    return [m for m in policy.ofe.modules() if isinstance(m, DenseBlock)]


def follow(model: Any, tau: float = 0.5) -> None:
    """Let every target follow its network as SB3 does."""
    for name, network in model.policy.named_children():
        target = getattr(model.policy, f"{name}_target", None)
        if target is not None:
            polyak_update(network.parameters(), target.parameters(), tau)
