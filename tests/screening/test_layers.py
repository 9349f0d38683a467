"""Tests for layers.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, NonFiniteError, UnknownNameError
from sb3_prune.screening import layers
from sb3_prune.screening.layers import _described, choose, find_layers
from screening.made import window_of


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_remembered_layers_are_those_of_the_wiring(name: str) -> None:
    layers._REMEMBERED.clear()
    first, second = (zoo.make_model(name, seed=seed).policy for seed in (0, 1))
    find_layers(first)
    found, wiring = find_layers(second), sp.wire(second)
    assert len(layers._REMEMBERED) == 1
    assert {la.name: la.units for la in found} == wiring.units()
    for layer in found:
        expected = wiring[layer.name]
        assert layer.network == expected.network
        keys = [read.slot.key for read in expected.reads]
        assert layer.keys == keys
        for read, other in zip(layer.reads, expected.reads, strict=True):
            assert read.input_axis == other.input_axis
            assert (read.slot.start, read.slot.block) == (
                other.slot.start,
                other.slot.block,
            )


def test_nothing_of_an_agent_is_remembered() -> None:
    layers._REMEMBERED.clear()
    find_layers(zoo.make_model("PPO").policy)
    ((found,),) = [layers._REMEMBERED.values()]
    assert all(owner is layers._NOWHERE for layer in found for owner, _ in layer.keys)


def test_other_structures_have_other_layers() -> None:
    for kwargs in ({"net_arch": [5]}, {"net_arch": [5, 4]}, {"activation_fn": nn.ReLU}):
        policy = zoo.make_model("A2C", policy_kwargs=kwargs).policy
        find_layers(policy)
        assert {la.name: la.units for la in find_layers(policy)} == sp.wire(
            policy
        ).units()


def _box(**changes: Any) -> spaces.Box:
    return spaces.Box(**({"low": -1.0, "high": 1.0, "shape": (2,)} | changes))


def test_equal_spaces_are_described_equally() -> None:
    nested = [spaces.Dict({"a": _box(), "b": spaces.Discrete(3)}) for _ in "12"]
    assert _described(nested[0]) == _described(nested[1])


@pytest.mark.parametrize(
    "other",
    [
        _box(high=2.0),
        _box(shape=(3,)),
        _box(dtype=np.float64),
        spaces.Discrete(2),
        spaces.Dict({"a": _box()}),
    ],
)
def test_other_spaces_are_described_otherwise(other: Any) -> None:
    assert _described(other) != _described(_box())
    assert _described(spaces.Dict({"a": other})) != _described(
        spaces.Dict({"a": _box()})
    )


def test_a_cut_agent_is_found_again() -> None:
    model = zoo.make_model("A2C")
    find_layers(model.policy)
    sp.apply(model, zoo.random_plan(model.policy))
    found = {layer.name: layer.units for layer in find_layers(model.policy)}
    assert found == sp.wire(model.policy).units()


def test_code_of_a_user_is_traced_every_time() -> None:
    class Mine(nn.Tanh):
        """Unknown code."""

    layers._REMEMBERED.clear()
    policy = zoo.make_model("A2C", policy_kwargs={"activation_fn": Mine}).policy
    assert len(find_layers(policy)) == 4
    assert not layers._REMEMBERED


def test_networks_are_chosen_by_what_they_do_or_by_name() -> None:
    found = find_layers(zoo.trained("SAC").policy)
    assert {la.network for la in choose(found)} == {"actor.latent_pi"}
    critics = {la.network for la in choose(found, ["critic"])}
    assert critics == {"critic.qf0", "critic.qf1"}
    with pytest.raises(UnknownNameError, match="network 'crtic'"):
        choose(found, ["crtic"])
    with pytest.raises(ConfigError, match=r"name networks.*critic\.qf0"):
        choose([la for la in found if not la.acts])


def test_positions_are_rows() -> None:
    layer = find_layers(zoo.trained("A2C").policy)[0]
    assert layer.rows(layer.reads[0], torch.zeros(7, layer.units)).shape == (
        7,
        layer.units,
    )


def test_values_that_are_not_finite_are_refused() -> None:
    """A share of units whose score is below a bound would count NaN as above it."""
    made = window_of(zoo.make_model("DQN", stock=True))
    policy: Any = made.model.policy
    with torch.no_grad():
        policy.q_net.q_net[0].weight[0] = torch.nan
    with pytest.raises(NonFiniteError, match=r"of 'q_net.* are NaN or infinite"):
        made.activations()
