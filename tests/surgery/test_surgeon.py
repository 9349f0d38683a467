"""Tests for surgery/apply.py; the laws of surgery are in test_laws.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import zoo
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import NonFiniteError, PlanError, UnknownNameError
from sb3_prune.surgery import add, keep, merge, remove, reset


def test_a_cut_selects_rows_and_columns() -> None:
    policy = zoo.copied("DQN")
    first, second, head = (policy.q_net.q_net[i] for i in (0, 3, 6))
    old = {
        m: (m.weight.detach().clone(), m.bias.detach().clone())
        for m in (first, second, head)
    }
    a, b = [7, 0, 3], [1, 9]
    sp.apply(policy, {"q_net.q_net.0": keep(a, 12), "q_net.q_net.2": keep(b, 10)})
    assert torch.equal(first.weight, old[first][0][a])
    assert torch.equal(first.bias, old[first][1][a])
    assert torch.equal(second.weight, old[second][0][b][:, a])
    assert torch.equal(head.weight, old[head][0][:, b])
    assert torch.equal(head.bias, old[head][1])


def test_a_model_and_its_policy_are_cut_alike() -> None:
    model, policy = zoo.train(zoo.make_model("SAC")), zoo.copied("SAC")
    plan = zoo.random_plan(policy)
    assert sp.apply(model, plan) == sp.apply(policy, plan)
    zoo.assert_same(zoo.snapshot(model.policy), zoo.snapshot(policy))


def test_a_stock_policy_can_be_cut_without_gates() -> None:
    model = zoo.train(zoo.make_model("TD3", stock=True))
    sp.apply(model, zoo.random_plan(model.policy))
    zoo.train_on(model)


def test_gradients_and_grad_flags() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    for p in model.policy.actor.parameters():
        p.requires_grad_(False)
    sp.apply(model, zoo.random_plan(model.policy))
    changed = [la.module.weight for la in sp.wire(model.policy).values()]
    assert all(weight.grad is None and weight.is_leaf for weight in changed)
    assert not any(p.requires_grad for p in model.policy.actor.parameters())
    assert all(p.requires_grad for p in model.policy.critic.parameters())


def test_lagging_targets_are_reported() -> None:
    policy = zoo.copied("DQN")
    layer = sp.wire(policy)["q_net.q_net.0"]
    reader = layer.readers[0].owner.weight
    reader.data[:, [2, 4]] = 0.0
    lag = layer.target.outgoing()[2].abs().max().item()
    report = sp.apply(policy, {"q_net.q_net.0": remove([2], 12)})
    assert report.lagging == {"q_net.q_net.0": pytest.approx(lag)}


@pytest.mark.parametrize("also_target", [True, False])
def test_dead_or_live_units_do_not_lag(also_target: bool) -> None:
    policy = zoo.copied("DQN")
    layer = sp.wire(policy)["q_net.q_net.0"]
    if also_target:
        for twin in layer.with_targets():
            twin.readers[0].owner.weight.data[:, 2] = 0.0
    assert not sp.apply(policy, {"q_net.q_net.0": remove([2], 12)}).lagging


def test_a_reset_redraws_within_the_bound_of_a_linear_layer() -> None:
    policy = zoo.copied("DQN")
    layer = sp.wire(policy)["q_net.q_net.2"]
    plan = {"q_net.q_net.2": reset([1], 10, seed=4)}
    old, state = layer.incoming().clone(), policy.optimizer.state
    sp.apply(policy, plan)
    for twin in layer.with_targets():
        assert 0 < twin.incoming()[1].abs().max() <= 12**-0.5
        assert not twin.outgoing()[1].any() and twin.module.bias[1] == 0
    kept = [k for k in range(10) if k != 1]
    assert torch.equal(layer.incoming()[kept], old[kept])
    moments = state[layer.module.weight]
    assert not moments["exp_avg"][1].any() and not moments["exp_avg_sq"][1].any()
    assert bool(moments["exp_avg_sq"][kept].any())


def test_drawn_units_of_a_target_equal_those_online() -> None:
    policy = zoo.copied("SAC")
    sp.apply(policy, {"critic.qf0.0": add(2, 12, 1), "critic.qf1.0": reset([0], 12, 2)})
    for name, units in (("critic.qf0.0", [12, 13]), ("critic.qf1.0", [0])):
        online, target = sp.wire(policy)[name].with_targets()
        assert torch.equal(online.incoming()[units], target.incoming()[units])


def test_drawn_units_fit_a_layer_before_that_changes_too() -> None:
    policy = zoo.copied("DQN")
    plan = {"q_net.q_net.2": add(2, 10, 1), "q_net.q_net.0": remove([0, 1], 12)}
    sp.apply(policy, plan)
    drawn = sp.wire(policy)["q_net.q_net.2"].incoming()[10:]
    assert drawn.shape == (2, 10) and bool(drawn.all())
    assert drawn.abs().max() <= 10**-0.5


def test_new_units_pass_batch_normalisation_as_they_are() -> None:
    policy = zoo.copied("CrossQ")
    name = next(n for n in sp.wire(policy) if n.startswith("critic.qf0"))
    units = sp.wire(policy)[name].units
    sp.apply(policy, {name: add(2, units)})
    owners = [slot.owner for slot in sp.wire(policy)[name].slots()]
    norm = next(owner for owner in owners if hasattr(owner, "ra_var"))
    new = {k: v[units:].tolist() for k, v in norm.state_dict().items() if v.ndim}
    assert new == {"ra_mean": [0, 0], "ra_var": [1, 1], "scale": [1, 1], "bias": [0, 0]}


def test_a_merge_averages_the_moments() -> None:
    policy = zoo.copied("DQN")
    weight = sp.wire(policy)["q_net.q_net.0"].module.weight
    old = policy.optimizer.state[weight]["exp_avg_sq"].clone()
    clusters = [[0, 1], *[[k] for k in range(2, 12)]]
    sp.apply(policy, {"q_net.q_net.0": merge(clusters, 12)})
    weight = sp.wire(policy)["q_net.q_net.0"].module.weight
    found = policy.optimizer.state[weight]["exp_avg_sq"]
    torch.testing.assert_close(found, torch.cat([old[:2].mean(0, True), old[2:]]))


def odd_body() -> nn.Sequential:
    """Return a body with normalisation without weights, and a slope per unit."""
    layers = [nn.Linear(4, 12), nn.LayerNorm(12, elementwise_affine=False)]
    body = nn.Sequential(*layers, nn.PReLU(12), nn.Linear(12, 2))
    body[2].weight.data = torch.arange(12.0)
    return body


def test_normalisation_and_slopes_of_a_users_network_are_cut() -> None:
    policy = zoo.make_model("DQN").policy
    policy.q_net.q_net, policy.q_net_target.q_net = odd_body(), odd_body()
    sp.apply(policy, {"q_net.q_net.0": remove([0, 3], 12)})
    for network in (policy.q_net, policy.q_net_target):
        slopes = network.q_net[2].weight.tolist()
        assert slopes == [k for k in range(12) if k not in (0, 3)]
        assert network.q_net(torch.zeros(2, 4)).shape == (2, 2)


# Refusals name the value and what exists.


def test_a_plan_of_another_network_is_refused() -> None:
    message = r"expects 64 units in 'q_net\.q_net\.0', the network has 12"
    with pytest.raises(PlanError, match=message):
        sp.apply(zoo.copied("DQN"), {"q_net.q_net.0": remove([1], 64)})


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"'actor\.0'.*Known: q_net\.q_net\.0"):
        sp.apply(zoo.copied("DQN"), {"actor.0": remove([1], 12)})


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("where", ["incoming", "bias", "outgoing", "target"])
def test_weights_that_are_not_finite_are_refused(value: float, where: str) -> None:
    policy = zoo.copied("DQN")
    layer = sp.wire(policy)["q_net.q_net.2"]
    tensor = {
        "incoming": layer.module.weight,
        "bias": layer.module.bias,
        "outgoing": layer.readers[0].owner.weight,
        "target": layer.target.module.weight,
    }[where]
    tensor.data.view(-1)[0] = value
    with pytest.raises(NonFiniteError, match=r"'q_net\.q_net\.2' are NaN or infinite"):
        sp.apply(policy, {"q_net.q_net.2": remove([1], 10)})


def test_optimisers_with_factored_state_are_refused() -> None:
    factored = {"optimizer_class": torch.optim.Adafactor}
    model = zoo.make_model("DQN", policy_kwargs=factored)
    zoo.train(model)
    name, layer = next(iter(sp.wire(model.policy).items()))
    before = copy.deepcopy(model.policy.state_dict())
    with pytest.raises(
        PlanError, match=r"Adafactor.* keeps row_var.* in another shape"
    ):
        sp.apply(model, {name: remove([0], layer.units)})
    after = model.policy.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_closed_units_are_not_merged() -> None:
    model = zoo.make_model("DQN")
    name, layer = next(iter(sp.wire(model.policy).items()))
    sp.mask(model, {name: remove([0], layer.units)})
    with pytest.raises(PlanError, match=r"closed: call sb3_prune\.surgery\.remove"):
        sp.apply(model, {name: add(1, layer.units)})


@pytest.mark.parametrize("part", ["actor", "critic"])
def test_parts_of_a_policy_are_refused(part: str) -> None:
    model: Any = zoo.make_model("TD3")
    before = zoo.snapshot(model.policy)
    net = getattr(model.policy, part)
    with pytest.raises(PlanError, match=r"is a part of a policy.* give the model"):
        sp.surgery.apply(net, {"mu.0": sp.remove([0], 12)})
    zoo.assert_same(zoo.snapshot(model.policy), before)
