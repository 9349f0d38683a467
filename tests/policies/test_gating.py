"""Tests for policies/gating.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import Gate
from sb3_prune.networks.perceptrons import find_perceptrons
from sb3_prune.policies import gating
from sb3_prune.policies.gating import insert_gates
from sb3_prune.surgery import remove
from sb3_prune.surgery.trial import outputs


@pytest.mark.parametrize("name", zoo.STOCK)
def test_every_hidden_layer_gets_one_gate_right_before_its_reader(name: str) -> None:
    policy = zoo.make_model(name, stock=True).policy
    insert_gates(policy)
    for layer in sp.wire(policy).values():
        for twin in layer.with_targets():
            if layer.name == "lstm_actor":
                assert twin.gate is None
                continue
            (gate,) = twin.group.gates
            path, _, number = twin.name.rpartition(".")
            body = policy.get_submodule(path)
            assert body.get_submodule(f"gate{number}") is gate
            names = [name for name, _ in body.named_children()]
            after = names[names.index(f"gate{number}") + 1 :]
            assert not after or isinstance(body.get_submodule(after[0]), nn.Linear)


@pytest.mark.parametrize("name", zoo.STOCK)
def test_gates_leave_names_identities_and_outputs_alone(name: str) -> None:
    policy = zoo.make_model(name, stock=True).policy
    before, outputs = zoo.snapshot(policy), zoo.outputs(policy)
    insert_gates(policy)
    after = zoo.snapshot(policy)
    assert list(policy.state_dict()) == [k for k in before if k in policy.state_dict()]
    assert after["identities"] == before["identities"]
    assert zoo.equal(zoo.outputs(policy), outputs)


def test_inserting_twice_changes_nothing() -> None:
    policy = zoo.make_model("CrossQ").policy
    before = repr(policy)
    insert_gates(policy)
    assert repr(policy) == before


def test_the_algorithm_still_runs_the_gated_bodies() -> None:
    policy = zoo.make_model("SAC", stock=True).policy
    insert_gates(policy)
    bodies = [id(perceptron.body) for perceptron in find_perceptrons(policy.critic)]
    assert [id(body) for body in policy.critic.q_networks] == bodies


def test_a_network_without_hidden_layers_gets_no_gate() -> None:
    policy = zoo.make_model("PPO", policy_kwargs={"net_arch": []}).policy
    assert not any(isinstance(m, Gate) for m in policy.modules())
    assert not sp.wire(policy)


def test_a_layer_without_activation_gets_its_gate() -> None:
    policy = zoo.make_model("DQN", stock=True).policy
    body = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    policy.q_net.q_net = body
    policy.q_net_target.q_net = copy.deepcopy(body)
    insert_gates(policy)
    assert [type(m) for m in body] == [nn.Linear, Gate, nn.Linear]
    assert body(torch.zeros(1, 4)).shape == (1, 2)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(UnsupportedPolicyError, match=r"Sequential.*observation_space"):
        insert_gates(nn.Sequential(nn.Linear(2, 2)))


# A module that stands in several places has no place of its own.


def test_an_activation_that_stands_twice_stays_in_order() -> None:
    policy = zoo.make_model("DQN", stock=True).policy
    act = nn.Tanh()
    layers = nn.Linear(4, 5), act, nn.Linear(5, 6), act, nn.Linear(6, 2)
    policy.q_net.q_net = body = nn.Sequential(*layers)
    policy.q_net_target.q_net = copy.deepcopy(body)
    before = body(torch.ones(1, 4))
    insert_gates(policy)
    assert [m for m in body if not isinstance(m, Gate)] == list(layers)
    assert [name for name in body._modules if "gate" in name] == ["gate0", "gate2"]
    assert torch.equal(body(torch.ones(1, 4)), before)


def test_a_layer_in_two_networks_gets_no_gate_in_one_of_them() -> None:
    policy = zoo.make_model("PPO", stock=True).policy
    extractor = policy.mlp_extractor
    extractor.value_net[0] = extractor.policy_net[0]
    insert_gates(policy)
    gates = {name: layer.gate for name, layer in sp.wire(policy).items()}
    shared = gates.pop("mlp_extractor.policy_net.0")
    assert shared is None and all(gates.values())


# Networks of one's own, run with their gates before they keep them.


class Own(BaseFeaturesExtractor):
    """A perceptron, used in a way of its own."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, self.width)
        first, second = nn.Linear(4, 12), nn.Linear(12, 8)
        self.net = nn.Sequential(first, nn.ReLU(), second, nn.Tanh())
        self.more = nn.Linear(12, 8)
        nn.init.zeros_(self.more.weight)

    width = 8


class Sliced(Own):
    """Reads modules by their places."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net[2:4](self.net[:2](x))


class WeightOf(Own):
    """Reads a weight by its place."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        net = self.net
        hidden = net[1](net[0](x))
        return torch.nn.functional.linear(hidden, net[2].weight, net[2].bias)


class Paired(Own):
    """Reads pairs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for linear, activation in zip(self.net[::2], self.net[1::2], strict=False):
            x = activation(linear(x))
        return x


class Leaking(Own):
    """Reads units that no gate has seen, by weights that are zero at first."""

    width = 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.net[0](x).tanh()
        return torch.cat([self.net(x), self.more(hidden)], -1)


class Late(Own):
    """Does something behind the place of the gate that makes something of nothing."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space)
        self.net = nn.Sequential(nn.Linear(4, 12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.more(self.net(x).sigmoid())


class Plain(Own):
    """Runs all of it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


def make_own(extractor: type[Own], stock: bool = True) -> Any:
    kwargs = {"features_extractor_class": extractor, "net_arch": [6]}
    return zoo.make_model("PPO", stock=stock, policy_kwargs=kwargs)


@pytest.mark.parametrize("extractor", [Sliced, WeightOf, Paired])
def test_a_sequential_that_is_indexed_says_the_same_with_gates(
    extractor: type[Own],
) -> None:
    policy = make_own(extractor).policy
    before, modules = outputs(policy), dict(policy.features_extractor.net._modules)
    insert_gates(policy)
    pairs = zip(before, outputs(policy), strict=True)
    assert all(torch.equal(x, y) for (_, x), (_, y) in pairs)
    assert policy.features_extractor.net._modules == modules
    assert sp.wire(policy)["mlp_extractor.policy_net.0"].gate is not None


@pytest.mark.parametrize("extractor", [Leaking, Late])
def test_no_gate_stands_where_closing_is_not_removing(extractor: type[Own]) -> None:
    policy = make_own(extractor).policy
    before = zoo.snapshot(policy)
    insert_gates(policy)
    after = zoo.snapshot(policy)
    zoo.assert_same(after, {**before, "modules": after["modules"]}, identities=True)
    name = "features_extractor.net.0"
    assert sp.wire(policy)[name].gate is None
    assert sp.wire(policy)["mlp_extractor.policy_net.0"].gate is not None
    with pytest.raises(UnsupportedPolicyError, match=f"no gates at {name}"):
        sp.mask(policy, {name: remove([0], 12)})


def test_a_network_of_ones_own_that_hides_nothing_has_its_gates() -> None:
    wiring = sp.wire(make_own(Plain, stock=False).policy)
    assert all(layer.gate is not None for layer in wiring.values())


@pytest.mark.parametrize("error", [UnsupportedPolicyError("no"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_no_gate(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise error

    policy = zoo.make_model("SAC", stock=True).policy
    before, shown = zoo.snapshot(policy), repr(policy)
    monkeypatch.setattr(gating, "_keep_passed", fail)
    with pytest.raises(type(error)):
        insert_gates(policy)
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)
    assert repr(policy) == shown
