"""Tests for policies/gating.py."""

from __future__ import annotations

import pytest
import torch
import zoo
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import Gate
from sb3_prune.networks.perceptrons import find_perceptrons
from sb3_prune.policies.gating import insert_gates


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
    insert_gates(policy)
    assert [type(m) for m in body] == [nn.Linear, Gate, nn.Linear]
    assert body(torch.zeros(1, 4)).shape == (1, 2)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(UnsupportedPolicyError, match=r"Sequential.*observation_space"):
        insert_gates(nn.Sequential(nn.Linear(2, 2)))
