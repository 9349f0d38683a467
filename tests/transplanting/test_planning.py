"""Tests for transplanting/planning.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from stable_baselines3 import PPO, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import TransplantError
from sb3_prune.strategies.scores import product
from sb3_prune.transplanting import InputRules, transplant, transplant_into
from sb3_prune.transplanting.building import build
from sb3_prune.transplanting.observing import ObservationMap
from sb3_prune.transplanting.pairing import pair_observations
from sb3_prune.transplanting.planning import plan_changes, selection
from transplanting.made import Toy, env_of, space_of, trained

ACTS = tuple(range(4))


def same(old: BaseAlgorithm, new: BaseAlgorithm) -> ObservationMap:
    return pair_observations(old.policy, new.policy, None)


def test_selection() -> None:
    change = selection((2, None, 0), 3)
    expected = torch.tensor([[0.0, 0, 1], [0, 0, 0], [1, 0, 0]])
    assert torch.equal(change.rows, expected)
    assert torch.equal(change.columns, expected.T)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_nothing_changes_where_nothing_differs(name: str) -> None:
    old = trained(name)
    new = build(old, env_of(name), old.policy_kwargs, 0)
    plan = plan_changes(old, new, same(old, new), ACTS, InputRules())
    assert plan.changes == {} and plan.layers == () and plan.heads


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_narrower_layers_keep_their_most_important_units(name: str) -> None:
    old = trained(name)
    new = build(old, env_of(name), {"net_arch": [6, 10]}, 0)
    plan = plan_changes(old, new, same(old, new), ACTS, InputRules())
    assert {layer.name for layer in plan.layers} == set(plan.changes)
    for layer, change in plan.changes.items():
        best = product(sp.wire(old)[layer]).topk(6).indices.sort().values
        assert change.kept is not None
        assert torch.equal(change.kept.sort().values, best)


def test_actions_are_inputs_and_outputs() -> None:
    old = trained("SAC")
    new = build(old, env_of("SAC", 5, 3), old.policy_kwargs, 0)
    plan = plan_changes(old, new, same(old, new), (3, None, 0), InputRules())
    read = {
        f"inputs of {net}.qf{number}.0.weight"
        for net in ("critic", "critic_target")
        for number in (0, 1)
    }
    assert set(plan.changes) == {"outputs 0", "outputs 1"} | read


class Mixed(BaseFeaturesExtractor):
    """Observations, or units behind them, that a normalisation mixes."""

    def __init__(self, space: Any, first: bool, features_dim: int = 6) -> None:
        super().__init__(space, features_dim)
        size = space.shape[0]
        norm = nn.LayerNorm(size if first else features_dim)
        linear = nn.Linear(size, features_dim)
        parts = (norm, linear) if first else (linear, norm)
        self.net = nn.Sequential(*parts, nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.net(observations)
        return found


def mixed(width: int = 6, **given: Any) -> PPO:
    kwargs = {"net_arch": [8], "features_extractor_class": Mixed}
    kwargs["features_extractor_kwargs"] = {"features_dim": width, **given}
    env = Toy(5, space_of("SAC", 2))
    return PPO("MlpPolicy", env, n_steps=32, batch_size=16, policy_kwargs=kwargs)


def test_new_observations_beside_normalised_ones_are_refused() -> None:
    env = Toy(6, space_of("SAC", 2))
    with pytest.raises(TransplantError, match="layer_norm mixes them"):
        transplant(mixed(first=True), env=env, observations=[*range(5), None])


def test_new_units_beside_normalised_ones_are_refused() -> None:
    new = mixed(9, first=False)
    with pytest.raises(TransplantError, match="cannot get wider: layer_norm mixes"):
        transplant_into(new, mixed(first=False))


def test_actions_of_a_policy_with_an_extractor_of_its_own() -> None:
    env = Toy(5, space_of("SAC", 3))
    old = mixed(first=False)
    new = transplant(old, env=env, actions=[1, None, 0])
    assert torch.equal(new.policy.action_net.weight[2], old.policy.action_net.weight[0])


@pytest.mark.parametrize("count", [2, 4])
def test_noise_for_other_actions_is_refused(count: int) -> None:
    noise = NormalActionNoise(np.zeros(count), np.ones(count))
    old = TD3("MlpPolicy", Toy(5, space_of("TD3", 2)))
    new = TD3("MlpPolicy", Toy(5, space_of("TD3", 3)), action_noise=noise)
    with pytest.raises(TransplantError, match=f"for {count} actions, but .* has 3"):
        transplant_into(new, old, actions=[0, 1, None])


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_layer_without_units() -> None:
    with pytest.raises(TransplantError, match="would have no units: one has to stay"):
        transplant(trained("PPO"), env=env_of("PPO"), net_arch=[8, 0])
