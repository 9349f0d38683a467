"""Tests for policies/branching.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.torch_layers import FlattenExtractor

import sb3_prune as sp
from sb3_prune.policies.branching import BranchingQNetwork

OBS = spaces.Box(-1, 1, (3,), np.float32)


def make_network(nvec: list[int]) -> BranchingQNetwork:
    return BranchingQNetwork(
        OBS,
        spaces.MultiDiscrete(nvec),
        features_extractor=FlattenExtractor(OBS),
        features_dim=3,
        net_arch=[8],
    )


@pytest.mark.parametrize("nvec", [[3, 3], [2, 5, 1], [4], [2, 3]])
def test_branch_values_are_the_outputs_in_order(nvec: list[int]) -> None:
    network, obs = make_network(nvec), torch.randn(6, 3)
    values, flat = network.branch_values(obs), network(obs)
    assert values.shape == (6, len(nvec), max(nvec))
    start = 0
    for i, count in enumerate(nvec):
        assert torch.equal(values[:, i, :count], flat[:, start : start + count])
        assert bool((values[:, i, count:] == -torch.inf).all())
        start += count
    assert start == flat.shape[1]


@pytest.mark.parametrize("nvec", [[3, 3], [2, 5, 1]])
def test_the_greedy_action_is_the_best_of_each_branch(nvec: list[int]) -> None:
    network, obs = make_network(nvec), torch.randn(50, 3)
    actions = network._predict(obs)
    for i, part in enumerate(torch.split(network(obs), nvec, dim=1)):
        assert torch.equal(actions[:, i], part.argmax(dim=1))


def test_padding_sends_no_nan_back() -> None:
    network = make_network([2, 5, 1])
    network.branch_values(torch.randn(4, 3)).amax(dim=-1).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters())


def test_predictions_have_the_shape_of_the_action_space() -> None:
    model = zoo.make_model("BranchingDQN")
    batch = model.predict(zoo.observations(model, 5), deterministic=True)[0]
    single = model.predict(zoo.observations(model, 1)[0], deterministic=True)[0]
    assert batch.shape == (5, 2)
    assert model.action_space.contains(single)


def test_a_policy_is_saved_and_loaded_at_its_width(tmp_path: Path) -> None:
    model = zoo.make_model("BranchingDQN")
    sp.apply(model, zoo.random_plan(model.policy))
    model.policy.save(tmp_path / "policy.pth")
    loaded = type(model.policy).load(tmp_path / "policy.pth")
    obs = zoo.observations(model, 64)
    expected = model.policy.predict(obs, deterministic=True)[0]
    assert np.array_equal(loaded.predict(obs, deterministic=True)[0], expected)
