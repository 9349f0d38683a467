"""Tests for pricing.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from penalties.made import KINDS, added, descend, expected, make
from sb3_prune.exceptions import PluginError
from sb3_prune.penalties import PENALTIES, Penalty, PenaltyHooks, PerUnit
from sb3_prune.penalties.pricing import price
from sb3_prune.surgery import wire


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_gets_the_gradient_of_the_sum(
    kind: str, name: str, closed: bool
) -> None:
    """Targets and biases get none, nor do weights of closed units."""
    model = make(kind, closed=closed)
    strengths = {la: 0.5 + i for i, la in enumerate(wire(model).values())}
    hooks = PenaltyHooks()
    hooks.attach(model, PENALTIES[name], strengths)
    descend(model)
    found = added(model)
    for path, gradient in expected(model, PENALTIES[name], strengths).items():
        torch.testing.assert_close(found[path], gradient, atol=2e-5, rtol=1e-4)
        spared = "_target" in path or path.endswith("bias")
        assert not (spared and bool(found[path].any())), path
    priced = {s.parameter for p in hooks._priced for s in p.stretches}
    assert len(priced) >= len(strengths)


def test_l1_counts_every_weight_once() -> None:
    model = make("PPO")
    hooks = PenaltyHooks()
    hooks.attach(model, PENALTIES["l1"], dict.fromkeys(wire(model).values(), 0.25))
    descend(model)
    weights = [m.weight for m in model.policy.modules() if isinstance(m, nn.Linear)]
    assert len(weights) == 6
    for weight in weights:
        torch.testing.assert_close(weight.grad - 1, weight.detach().sign() / 4)


def test_layers_that_are_gone_are_left_out() -> None:
    wiring = wire(make("PPO"))
    name = next(iter(wiring))
    found = price(wiring, PENALTIES["dsp"], {name: 2.0, "gone": 1.0})
    assert [(p.layer.name, p.strength) for p in found] == [(name, 2.0)]


class Halved(Penalty):
    """Returns a factor for all units, not one for each."""

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        return incoming.square().sum()

    def gradients(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> Any:
        return PerUnit(torch.ones(1)), None


def test_factors_of_another_shape_are_refused() -> None:
    model = make("PPO")
    layer = wire(model)["mlp_extractor.policy_net.0"]
    with pytest.raises(PluginError, match=r"Halved .* \(1,\) .* \(12, 1\)"):
        PenaltyHooks().attach(model, Halved(), {layer: 1.0})


class Transposed(Penalty):
    """Returns a gradient of a wrong shape."""

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        return incoming.sum() + outgoing.sum()

    def gradients(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> Any:
        return incoming.t(), outgoing


def test_a_gradient_of_another_shape_is_refused_before_training() -> None:
    model = make("PPO")
    layer = wire(model)["mlp_extractor.policy_net.0"]
    hooks = PenaltyHooks()
    with pytest.raises(PluginError, match=r"Transposed .* \(4, 12\) .* \(12, 4\)"):
        hooks.attach(model, Transposed(), {layer: 1.0})
    descend(model)
    assert not any(bool(gradient.any()) for gradient in added(model).values())


class Root(Penalty):
    """The textbook's group lasso, whose gradient at zeros is NaN."""

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        return incoming.square().sum(dim=1).sqrt().sum()


def test_a_gradient_that_is_not_finite_at_zeros_is_refused_before_training() -> None:
    model = make("PPO")
    layer = wire(model)["mlp_extractor.policy_net.0"]
    with pytest.raises(PluginError, match="Root has a gradient at weights of zero"):
        PenaltyHooks().attach(model, Root(), {layer: 1.0})
