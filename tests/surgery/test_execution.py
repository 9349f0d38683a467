"""Tests for surgery/execution.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from torch import nn
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.exceptions import NonFiniteError
from sb3_prune.surgery import add, keep, remove
from sb3_prune.surgery.execution import carry_out

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)


@every_algorithm
def test_all_that_holds_a_tensor_holds_the_new_one(name: str) -> None:
    """Networks that the model itself holds are those of its policy, targets too."""
    model: Any = zoo.train(zoo.make_model(name))
    carry_out(model, zoo.random_plan(model.policy))
    own = {id(t) for t in (*model.policy.parameters(), *model.policy.buffers())}
    for value in vars(model).values():
        if isinstance(value, nn.Module):
            assert {id(t) for t in (*value.parameters(), *value.buffers())} <= own


def test_a_network_beside_the_policy_that_shares_its_weights_follows() -> None:
    model: Any = zoo.make_model("DQN")
    model.head_start = nn.Sequential(model.policy.q_net.q_net[0], nn.ReLU())
    model.lone = nn.Linear(4, 12)
    lone = model.lone.weight
    other = nn.Module()
    other.weight = model.policy.q_net.q_net[0].weight
    model.other = other
    carry_out(model, {"q_net.q_net.0": remove([0], 12)})
    assert model.other.weight is model.policy.q_net.q_net[0].weight
    assert model.head_start(torch.zeros(1, 4)).shape == (1, 11)
    assert model.lone.weight is lone


def test_a_weight_that_two_modules_share_stays_shared() -> None:
    policy: Any = make_user_model("twin-weight").policy
    pi, vf = policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net
    carry_out(policy, {"mlp_extractor.policy_net.0": remove([0], 12)})
    assert pi[2].weight is vf[2].weight and pi[2].weight.shape == (10, 11)


@every_algorithm
def test_what_a_plan_does_not_touch_keeps_its_identity(name: str) -> None:
    policy = zoo.copied(name)
    layer = next(iter(sp.wire(policy).values()))
    before = dict(policy.named_parameters())
    touched = {
        id(slot.tensor) for twin in layer.with_targets() for slot in twin.slots()
    }
    carry_out(policy, {layer.name: remove([0], layer.units)})
    same = {n for n, p in policy.named_parameters() if p is before[n]}
    assert same == {n for n, p in before.items() if id(p) not in touched} != set()


def test_parameters_stay_parameters_and_buffers_buffers() -> None:
    policy = zoo.copied("CrossQ")
    kinds = [list(dict(policy.named_parameters())), list(dict(policy.named_buffers()))]
    carry_out(policy, zoo.random_plan(policy))
    after = [list(dict(policy.named_parameters())), list(dict(policy.named_buffers()))]
    assert after == kinds
    assert all(p.is_leaf for p in policy.parameters())


def test_a_graph_of_the_old_weights_stays_valid() -> None:
    policy = zoo.copied("DQN")
    old = policy.q_net.q_net[0].weight
    loss = policy.q_net(torch.randn(5, 4)).square().sum()
    expected = torch.autograd.grad(loss, old, retain_graph=True)[0]
    carry_out(policy, {"q_net.q_net.0": remove([0], 12)})
    loss.backward()
    assert torch.equal(old.grad, expected)
    assert policy.q_net.q_net[0].weight.grad is None


@pytest.mark.parametrize("folds", [True, False])
def test_biases_move_only_if_told(folds: bool) -> None:
    policy = zoo.copied("DQN")
    first, second = policy.q_net.q_net[0], sp.wire(policy)["q_net.q_net.2"].module
    first.weight.data[3], first.bias.data[3] = 0.0, 0.7
    old = second.bias.detach().clone()
    kept = carry_out(policy, {"q_net.q_net.0": remove([3], 12)}, folds=folds)
    assert torch.equal(second.bias, old) is not folds
    assert not kept


def test_nothing_is_put_in_place_if_one_tensor_would_be_infinite() -> None:
    policy = zoo.copied("DQN")
    for layer in sp.wire(policy).values():
        layer.module.weight.data.fill_(1.0)
    before = zoo.snapshot(policy)
    huge = sp.Change(rows=torch.full((2, 10), 3e38), columns=torch.ones(10, 2))
    with pytest.raises(NonFiniteError, match=r"shape \(10, 12\) would become infinite"):
        carry_out(policy, {"q_net.q_net.0": keep([0], 12), "q_net.q_net.2": huge})
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_what_was_infinite_may_stay_so() -> None:
    """A model is loaded as it was saved."""
    policy = zoo.copied("DQN")
    policy.q_net.q_net[0].weight.data[0] = torch.inf
    carry_out(policy, {"q_net.q_net.0": add(1, 12)}, folds=False)
    assert bool(policy.q_net.q_net[0].weight[0].isinf().all())


def test_weights_in_shared_memory_stay_there() -> None:
    """Other processes hold the old ones: a warning says so."""
    model: Any = zoo.make_model("PPO")
    model.policy.share_memory()
    with pytest.warns(UserWarning, match="Other processes that hold them keep the old"):
        sp.apply(model, zoo.random_plan(model.policy))
    assert all(p.is_shared() for p in model.policy.parameters())
    zoo.train(model)
