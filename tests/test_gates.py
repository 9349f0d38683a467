"""Tests for gates.py."""

from __future__ import annotations

import pytest
import torch
import zoo
from stable_baselines3.common.utils import polyak_update
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import PlanError
from sb3_prune.gates import OPTIONAL, Gate
from sb3_prune.surgery import HiddenLayer


@pytest.fixture
def gate() -> Gate:
    return Gate()


HIDDEN = torch.arange(1.0, 13.0).reshape(3, 4)
BIAS = torch.zeros(4)


def test_an_open_gate_passes_the_very_same_tensor(gate: Gate) -> None:
    assert gate(HIDDEN) is HIDDEN
    assert not gate.state_dict()
    assert "open" in repr(gate)


def test_a_closed_gate_silences_its_units_only(gate: Gate) -> None:
    gate.close([1, 3], like=BIAS)
    passed = gate(HIDDEN)
    assert torch.equal(passed[:, [0, 2]], HIDDEN[:, [0, 2]])
    assert not passed[:, [1, 3]].any()
    assert "2 of 4 open" in repr(gate)


def test_closing_adds_to_what_is_closed(gate: Gate) -> None:
    gate.close([1], like=BIAS)
    gate.close([3, 1], like=BIAS)
    assert gate.mask is not None and gate.mask.tolist() == [1, 0, 1, 0]


def test_closing_does_not_write_into_the_old_mask(gate: Gate) -> None:
    gate.close([1], like=BIAS)
    old = gate.mask
    gate.close([2], like=BIAS)
    assert old is not None and old.tolist() == [1, 0, 1, 1]


def test_no_gradient_reaches_a_closed_unit(gate: Gate) -> None:
    gate.close([0], like=BIAS)
    hidden = HIDDEN.clone().requires_grad_()
    gate(hidden).sum().backward()
    assert hidden.grad is not None and not hidden.grad[:, 0].any()
    assert bool((hidden.grad[:, 1:] == 1).all())


def test_opening_forgets_the_mask(gate: Gate) -> None:
    gate.close([0], like=BIAS)
    gate.open()
    assert gate(HIDDEN) is HIDDEN and not gate.state_dict()


@pytest.mark.parametrize("unit", [-1, 4])
def test_a_unit_that_does_not_exist_is_named(gate: Gate, unit: int) -> None:
    with pytest.raises(PlanError, match=rf"\[{unit}\].*the layer has 4"):
        gate.close([0, unit], like=BIAS)
    assert gate.mask is None


def test_masks_travel_in_the_state_dict() -> None:
    giver, taker = nn.Sequential(Gate()), nn.Sequential(Gate())
    giver[0].close([2], like=BIAS)
    taker.load_state_dict(giver.state_dict())
    assert torch.equal(taker[0].mask, giver[0].mask)
    assert taker[0].mask is not giver[0].mask


def test_an_absent_mask_opens_the_gate() -> None:
    taker = nn.Sequential(Gate())
    taker[0].close([2], like=BIAS)
    taker.load_state_dict({})
    assert taker[0].mask is None


# Bernoulli gates.

THETA = torch.tensor([0.0, 0.25, 0.75, 1.0])


@pytest.fixture
def learning(gate: Gate) -> Gate:
    """Return a gate in training, whose thetas are those above."""
    gate.learn(nn.Parameter(BIAS))
    assert gate.theta is not None
    with torch.no_grad():
        gate.theta.copy_(THETA)
    return gate.train()


def test_every_unit_begins_sure(gate: Gate) -> None:
    gate.learn(nn.Parameter(BIAS))
    assert torch.equal(gate(HIDDEN), HIDDEN)
    assert gate.expected is not None and gate.expected.tolist() == [1.0] * 4
    assert set(gate.state_dict()) == set(OPTIONAL) - {"mask"}
    assert all(not gate.get_buffer(name).any() for name in OPTIONAL[2:])


@pytest.mark.parametrize("requires_grad", [True, False])
def test_theta_learns_where_the_weights_do(gate: Gate, requires_grad: bool) -> None:
    gate.learn(nn.Parameter(BIAS, requires_grad))
    assert gate.theta is not None and gate.theta.requires_grad is requires_grad
    assert gate.theta.is_leaf


def test_one_draw_serves_the_whole_batch(learning: Gate) -> None:
    torch.manual_seed(0)
    draws = torch.stack([learning(torch.ones(5, 4)).detach() for _ in range(2000)])
    assert bool(((draws == 0) | (draws == 1)).all())
    assert bool((draws == draws[:, :1]).all())
    torch.testing.assert_close(draws[:, 0].mean(0), THETA, atol=0.04, rtol=0)


@pytest.mark.parametrize("way", ["eval", "no_grad", "hold"])
def test_everyone_else_multiplies_by_theta(learning: Gate, way: str) -> None:
    learning.train(way != "eval")
    learning.hold = way == "hold"
    with torch.set_grad_enabled(way != "no_grad"):
        passed = learning(HIDDEN.clone().requires_grad_())
    assert torch.equal(passed, HIDDEN * THETA)
    assert learning.theta is not None
    if way != "no_grad":
        passed.sum().backward()
    assert learning.theta.grad is None


def test_the_gradient_of_theta_is_that_of_the_draw(learning: Gate) -> None:
    torch.manual_seed(1)
    (learning(HIDDEN) @ torch.tensor([0.5, 1.0, -2.0, 3.0])).square().mean().backward()
    torch.manual_seed(1)
    draw = torch.bernoulli(THETA).requires_grad_()
    cost = (HIDDEN * draw) @ torch.tensor([0.5, 1.0, -2.0, 3.0])
    cost.square().mean().backward()
    assert learning.theta is not None and draw.grad is not None
    torch.testing.assert_close(learning.theta.grad, draw.grad)
    assert draw.grad.all() and draw.detach().sum() in (1, 2, 3)


def test_a_closed_unit_stays_silent_and_its_theta_takes_no_gradient(
    learning: Gate,
) -> None:
    learning.close([3], like=BIAS)
    assert learning.expected is not None
    assert learning.expected.tolist() == [0, 0.25, 0.75, 0]
    assert "1 of 4 open" in repr(learning)
    passed = learning(HIDDEN)
    assert not passed[:, 3].any()
    passed.sum().backward()
    assert learning.theta is not None and learning.theta.grad is not None
    assert learning.theta.grad[3] == 0 and bool((learning.theta.grad[:3] != 0).all())


def test_a_theta_that_nobody_learns_is_a_constant(learning: Gate) -> None:
    learning.drawn = False
    assert torch.equal(learning(HIDDEN), HIDDEN * THETA)
    assert not learning(HIDDEN).requires_grad
    loaded = Gate().train()
    loaded.load_state_dict(learning.state_dict())
    assert torch.equal(loaded(HIDDEN), HIDDEN * THETA)


def test_a_settled_gate_holds_no_tensor(learning: Gate) -> None:
    learning.settle()
    assert learning(HIDDEN) is HIDDEN
    assert not learning.state_dict() and not list(learning.parameters())
    learning.learn(BIAS)  # And it may begin anew.
    assert learning.theta is not None


def test_settling_keeps_closed_units_closed(learning: Gate) -> None:
    learning.close([1], like=BIAS)
    learning.settle()
    assert set(learning.state_dict()) == {"mask"}
    assert not learning(HIDDEN)[:, 1].any()


def test_thetas_travel_with_all_that_belongs_to_them(learning: Gate) -> None:
    for i, name in enumerate(OPTIONAL[2:]):
        learning.get_buffer(name).fill_(float(i + 1))
    giver, taker = nn.Sequential(learning), nn.Sequential(Gate())
    taker.load_state_dict(giver.state_dict())
    assert zoo.equal(dict(taker.state_dict()), dict(giver.state_dict()))
    assert taker[0].theta is not learning.theta and taker[0].theta.requires_grad
    taker.load_state_dict({})
    assert not taker.state_dict()


@pytest.mark.parametrize("requires_grad", [True, False])
def test_loading_keeps_a_frozen_theta_frozen(
    learning: Gate, requires_grad: bool
) -> None:
    taker = nn.Sequential(Gate())
    taker[0].learn(nn.Parameter(BIAS, requires_grad))
    taker.load_state_dict(nn.Sequential(learning).state_dict())
    assert taker[0].theta.requires_grad is requires_grad


def learn_all(policy: nn.Module) -> None:
    """Let every gate learn, at thetas and moments that tell its units apart."""
    for layer in sp.wire(policy).values():
        for twin in layer.with_targets():
            assert twin.gate is not None
            twin.gate.learn(twin.like)
            places = torch.linspace(0.1, 0.9, layer.units)
            with torch.no_grad():
                for i, name in enumerate(OPTIONAL[1:-1]):
                    getattr(twin.gate, name).copy_(places + i)
                assert twin.gate.theta_steps is not None
                twin.gate.theta_steps.fill_(7)


def test_surgery_selects_thetas_and_their_moments() -> None:
    policy = zoo.copied("SAC")
    learn_all(policy)
    plan = zoo.random_plan(policy)
    places = {la.name: torch.linspace(0.1, 0.9, la.units) for la in layers(policy)}
    sp.apply(policy, plan)
    for layer in layers(policy):
        kept = places[layer.name][plan[layer.name].selection]
        for twin in layer.with_targets():
            assert twin.gate is not None and twin.gate.theta is not None
            for i, name in enumerate(OPTIONAL[1:-1]):
                assert torch.equal(getattr(twin.gate, name).detach(), kept + i)
            assert twin.gate.theta.requires_grad and twin.gate.theta_steps == 7


def layers(policy: nn.Module) -> list[HiddenLayer]:
    return list(sp.wire(policy).values())


def test_a_new_unit_is_sure_and_has_no_moments() -> None:
    policy = zoo.copied("SAC")
    learn_all(policy)
    units = sp.wire(policy).units()
    sp.apply(policy, {name: sp.surgery.add(2, n) for name, n in units.items()})
    for layer in layers(policy):
        assert layer.gate is not None and layer.gate.theta is not None
        assert layer.gate.theta[-2:].tolist() == [1, 1]
        for name in ("theta_mean", "theta_square"):
            assert getattr(layer.gate, name)[-2:].tolist() == [0, 0]


def test_target_thetas_follow_the_online_ones() -> None:
    policy = zoo.copied("SAC")
    learn_all(policy)
    critics = [la for la in layers(policy) if la.target is not None]
    for layer in critics:
        assert layer.target is not None and layer.target.gate is not None
        with torch.no_grad():
            layer.target.gate.theta.fill_(1.0)  # type: ignore[union-attr]
    polyak_update(policy.critic.parameters(), policy.critic_target.parameters(), 0.5)
    for layer in critics:
        online, target = (twin.gate.theta for twin in layer.with_targets())  # type: ignore
        torch.testing.assert_close(target, (online + 1) / 2)
