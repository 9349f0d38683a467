"""Tests for learner.py."""

from __future__ import annotations

from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from sb3_prune_xinet import XiNetConfig
from sb3_prune_xinet.anatomy import Anatomy
from sb3_prune_xinet.learner import Learner, given_up

from sb3_prune.gates import Gate
from sb3_prune.surgery import HiddenLayer, wire

CONFIG = XiNetConfig(preset="prune-a", theta_rate=0.1, begin=0.2, end=0.8)


def optimizer(rate: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.Adam([torch.ones(1)], lr=rate)


def learner(
    policy: Any, config: XiNetConfig = CONFIG, *names: str, featured: bool = False
) -> Learner:
    """Make the learner of an optimiser that steps these networks; all if none."""
    anatomy = Anatomy(policy)
    networks = [n for name, n in anatomy.networks.items() if name in names or not names]
    return Learner(config, anatomy, [] if featured else networks)


def gates(layers: Any) -> list[Gate]:
    found = [twin.gate for layer in layers for twin in layer.with_targets()]
    return [gate for gate in found if gate is not None]


def theta(gate: Gate) -> torch.Tensor:
    """Return the thetas of a gate that learns."""
    assert gate.theta is not None
    return gate.theta.detach()


def set_theta(layer: HiddenLayer, *values: float) -> None:
    """Let a layer and its target learn, at these thetas and 1 for all others."""
    for gate in gates([layer]):
        gate.learn(torch.ones(layer.units, requires_grad=True))
        assert gate.theta is not None
        gate.theta.data[: len(values)] = torch.tensor(values)


@pytest.mark.parametrize("progress", [0.0, 0.19])
def test_before_begin_nothing_happens(progress: float) -> None:
    policy = zoo.copied("SAC")
    found = learner(policy)
    found.after_step(optimizer(), progress)
    assert all(gate.theta is None for gate in gates(found.layers))


def test_thetas_start_at_one_online_and_in_targets() -> None:
    policy = ofexi_zoo.copied("ValueSAC")
    found = learner(policy)
    found.after_step(optimizer(), 0.2)
    everywhere = gates(found.layers)
    assert len(everywhere) > len(found.gates)
    for gate in everywhere:
        assert gate.theta is not None
        assert bool((gate.theta == 1).all())
        assert gate.theta_steps == 0
    others = [la for la in wire(policy).values() if la.network.startswith("ofe.")]
    assert all(gate.theta is None for gate in gates(others))


def test_thetas_of_the_extractor_start_without_those_of_the_agent() -> None:
    policy = ofexi_zoo.copied("SAC")
    found = learner(policy, featured=True)
    found.after_step(optimizer(), 0.2)
    learns = {
        n for n, la in wire(policy).items() if la.gate and la.gate.theta is not None
    }
    assert learns == {n for n in wire(policy) if n.startswith("ofe.")}


def test_a_step_is_the_price_and_the_loss_projected() -> None:
    policy = zoo.copied("SAC")
    config = XiNetConfig(nu_policy=1e-3, optimizer="sgd", theta_rate=0.5)
    found = learner(policy, config, "actor.latent_pi")
    for layer in found.layers:
        set_theta(layer, 0.02, 0.9, 0.5)
    first, second = found.gates
    inputs, outputs, (one, two) = 3, 2, (12 - 1.58, 10 - 1.58)
    expected = [1e-3 * (1 + inputs + two), 1e-3 * (1 + one + outputs)]
    assert found.slopes() == pytest.approx(expected)
    assert first.theta is not None
    first.theta.grad = torch.tensor([0.0, -1.0, 0.2, *[0.0] * 9])
    left = theta(first) - 0.5 * (first.theta.grad + expected[0])
    found.after_step(optimizer(), 0.5)
    torch.testing.assert_close(theta(first), left.clamp(0, 1))
    assert (left[0] > 0.01, left[1] > 1) == (True, True)
    assert theta(second)[1] == pytest.approx(0.9 - 0.5 * expected[1])


@pytest.mark.parametrize(("given", "rate"), [(None, 0.3), (0.01, 0.01), (0.0, 0.0)])
def test_theta_learns_at_its_own_rate_or_at_that_of_its_network(
    given: float | None, rate: float
) -> None:
    config = XiNetConfig(theta_rate=given, optimizer="sgd")
    found = learner(zoo.copied("SAC"), config, "actor.latent_pi")
    for layer in found.layers:
        set_theta(layer)
    slope = found.slopes()[0]
    found.after_step(optimizer(0.3), 0.5)
    assert theta(found.gates[0])[0] == pytest.approx(1 - rate * slope)


def test_a_rate_that_ends_below_zero_counts_as_zero() -> None:
    config = XiNetConfig(optimizer="sgd", nu_policy=1.0)
    found = learner(zoo.copied("SAC"), config, "actor.latent_pi")
    set_theta(found.layers[0], 0.5)
    set_theta(found.layers[1], 0.5)
    slow = optimizer()
    slow.param_groups[0]["lr"] = -1e-9
    found.after_step(slow, 0.5)
    assert [theta(gate)[0] for gate in found.gates] == [0.5, 0.5]


def test_at_the_end_thetas_that_round_to_one_are_settled() -> None:
    policy = zoo.copied("SAC")
    found = learner(policy)
    for layer in found.layers:
        set_theta(layer, 0.5, 0.99)
    found.after_step(optimizer(), 0.8)
    assert not any("gate" in key for key in policy.state_dict())
    found.after_step(optimizer(), 0.9)
    assert all(gate.theta is None for gate in gates(found.layers))


def test_at_the_end_units_that_round_to_zero_wait_to_be_removed() -> None:
    found = learner(zoo.copied("SAC"))
    waiting = found.layers[0]
    for layer in found.layers:
        set_theta(layer, 0.49 if layer is waiting else 0.5)
    for gate in gates(found.layers):
        assert gate.theta is not None
        gate.theta.grad = torch.ones_like(gate.theta)
    found.after_step(optimizer(), 0.8)
    for gate in gates([waiting]):
        assert gate.theta is not None
        assert gate.theta.tolist() == [0.0] + [1.0] * (waiting.units - 1)
        assert gate.theta.grad is None
    assert all(gate.theta is None for gate in gates(found.layers[1:]))


def test_rounding_spares_the_best_units() -> None:
    config = XiNetConfig(min_units=2)
    found = learner(zoo.copied("SAC"), config, "actor.latent_pi")
    for layer in found.layers:
        set_theta(layer, *[0.1, 0.3, 0.2, *[0.0] * (layer.units - 3)])
    found.round()
    for gate in found.gates:
        assert theta(gate).nonzero().flatten().tolist() == [1, 2]


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        (
            (),
            {"ofe.phi_o", "ofe.phi_oa", "actor.latent_pi", "critic.qf0", "critic.qf1"},
        ),
        (("ofe",), {"ofe.phi_o", "ofe.phi_oa"}),
        (("ofe.phi_oa", "actor"), {"ofe.phi_oa", "actor.latent_pi"}),
        (("critic.qf0",), {"critic.qf0"}),
    ],
)
def test_only_the_networks_asked_for_learn(
    networks: tuple[str, ...], expected: set[str]
) -> None:
    policy, config = ofexi_zoo.copied("SAC"), XiNetConfig(networks=networks)
    parts = [learner(policy, config), learner(policy, config, featured=True)]
    for part in parts:
        for _ in range(2):
            part.after_step(optimizer(), 0.5)
    learns = [
        la for la in wire(policy).values() if la.gate and la.gate.theta is not None
    ]
    assert {layer.network for layer in learns} == expected


def test_a_network_that_was_not_asked_for_is_not_waited_for() -> None:
    config = XiNetConfig(networks=("critic.qf0",), relative=1.0, calibration=1)
    found = learner(zoo.copied("SAC"), config, "critic.qf0", "critic.qf1")
    for layer in found.layers:
        set_theta(layer)
    for _ in range(2):
        for gate in found.gates:
            assert gate.theta is not None
            gate.theta.grad = torch.ones_like(gate.theta)
        found.after_step(optimizer(), 0.5)
    assert all(bool((theta(gate) < 1).all()) for gate in found.gates)


def learning(theta: list[float], closed: list[int] | None = None) -> Gate:
    gate = Gate()
    gate.learn(torch.empty(len(theta), requires_grad=True))
    gate.theta.data = torch.tensor(theta)  # type: ignore[union-attr]
    if closed:
        gate.close(closed, like=torch.empty(len(theta)))
    return gate


@pytest.mark.parametrize(
    ("theta", "least", "gone"),
    [
        ([0.05, 0.1, 0.5], 1, [0]),
        ([0.0, 0.05, 0.02], 1, [0, 2]),
        ([0.0, 0.05, 0.02], 2, [0]),
        ([0.0, 0.05, 0.02], 9, []),
        ([0.0, 0.0, 0.0], 1, [1, 2]),
        ([1.0, 0.3], 1, []),
    ],
)
def test_units_below_the_tolerance_are_given_up(
    theta: list[float], least: int, gone: list[int]
) -> None:
    found = given_up(learning(theta), 0.1, least)
    assert found.nonzero().flatten().tolist() == gone


def test_closed_units_are_given_up_no_more_and_do_not_count() -> None:
    gate = learning([0.04, 0.05, 0.02, 0.03], closed=[1])
    assert given_up(gate, 0.1, 1).tolist() == [False, False, True, True]


def test_open_units_stay_before_closed_ones_whatever_their_thetas() -> None:
    gate = learning([0.0, 0.0, 0.0], closed=[0])
    assert given_up(gate, 0.1, 1).tolist() == [False, False, True]
