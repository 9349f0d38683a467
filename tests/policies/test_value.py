"""Tests for policies/value.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.policies.value import MaskedValueSACPolicy, ValueNetwork

OBS = spaces.Box(-1, 1, (2, 3), np.float32)
ACTIONS = spaces.Box(-1, 1, (2,), np.float32)


def make_policy(cls: type = MaskedValueSACPolicy, **kwargs: Any) -> Any:
    arguments = {"net_arch": {"pi": [5], "qf": [8, 7]}, **kwargs}
    return cls(OBS, ACTIONS, lambda _: 0.01, **arguments)


def numpy_value(network: ValueNetwork, features: np.ndarray) -> np.ndarray:
    """Compute the value layer by layer."""
    linears = [m for m in network.net if isinstance(m, nn.Linear)]
    hidden = features
    for i, linear in enumerate(linears):
        hidden = hidden @ linear.weight.detach().numpy().T
        hidden = hidden + linear.bias.detach().numpy()
        hidden = hidden if i == len(linears) - 1 else np.tanh(hidden)
    return hidden


def test_a_value_is_that_of_a_perceptron_on_the_flat_observation() -> None:
    policy = make_policy(activation_fn=nn.Tanh)
    obs = torch.randn(6, 2, 3)
    expected = numpy_value(policy.value, obs.numpy().reshape(6, 6))
    assert expected.shape == (6, 1)
    np.testing.assert_allclose(policy.value(obs).detach(), expected, atol=1e-6)


def test_it_has_the_widths_of_the_critics_and_a_twin() -> None:
    wiring = make_policy().wiring()
    units = {n: u for n, u in wiring.units().items() if n.startswith("value")}
    assert units == {"value.net.0": 8, "value.net.2": 7}
    for name in units:
        layer = wiring[name]
        assert layer.target is not None
        assert layer.target.name == name.replace("value.", "value_target.")
        assert all(twin.gate is not None for twin in layer.with_targets())


def test_the_target_starts_as_a_copy_of_its_own() -> None:
    policy = make_policy()
    online, target = policy.value.state_dict(), policy.value_target.state_dict()
    assert zoo.equal(dict(online), dict(target))
    assert not set(policy.value.parameters()) & set(policy.value_target.parameters())


def test_every_network_but_the_targets_is_put_in_training_mode() -> None:
    policy = make_policy()
    policy.set_training_mode(True)
    assert policy.training and policy.actor.training and policy.critic.training
    assert all(m.training for m in policy.value.modules())
    assert not (policy.value_target.training or policy.value_target.net.training)
    policy.set_training_mode(False)
    assert not any(m.training for m in policy.value.modules())


def test_the_optimizer_is_as_the_policy_says_and_holds_the_value_alone() -> None:
    kwargs = {"optimizer_kwargs": {"momentum": 0.7}}
    policy = make_policy(optimizer_class=torch.optim.SGD, **kwargs)
    (group,) = policy.value.optimizer.param_groups
    assert isinstance(policy.value.optimizer, torch.optim.SGD)
    assert (group["lr"], group["momentum"]) == (0.01, 0.7)
    assert group["params"] == list(policy.value.parameters())


class Wide(BaseFeaturesExtractor):
    """Four learned features."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        super().__init__(space, 4)
        self.linear = nn.Linear(6, 4)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.linear(observations.flatten(1))


@pytest.mark.parametrize("shared", [True, False])
def test_a_features_extractor_has_one_optimizer(shared: bool) -> None:
    policy = make_policy(features_extractor_class=Wide, share_features_extractor=shared)
    extractor = policy.value.features_extractor
    assert (extractor is policy.actor.features_extractor) is shared
    held = set(policy.value.optimizer.param_groups[0]["params"])
    assert (extractor.linear.weight in held) is not shared
    assert policy.value_target.features_extractor is not extractor
    assert policy.value.net[0].in_features == 4


class OwnFeatures(MaskedValueSACPolicy):
    """A policy whose value reads other features than its critics do."""

    def make_value(
        self, features_extractor: BaseFeaturesExtractor | None = None
    ) -> ValueNetwork:
        return super().make_value(features_extractor or Wide(self.observation_space))


def test_a_subclass_may_give_the_value_other_features() -> None:
    policy = make_policy(OwnFeatures)
    for network in (policy.value, policy.value_target):
        assert isinstance(network.features_extractor, Wide)
        assert network(torch.zeros(3, 2, 3)).shape == (3, 1)
    assert policy.critic.qf0[0].in_features == 6 + 2


def test_a_policy_is_saved_and_loaded_at_its_width(tmp_path: Path) -> None:
    policy = make_policy()
    sp.apply(policy, zoo.random_plan(policy, least=1))
    policy.save(tmp_path / "policy.pth")
    loaded = MaskedValueSACPolicy.load(tmp_path / "policy.pth", device="cpu")
    assert loaded.wiring().units() == policy.wiring().units()
    obs = torch.randn(9, 2, 3)
    assert torch.equal(loaded.value(obs), policy.value(obs))
    assert torch.equal(loaded.value_target(obs), policy.value_target(obs))
