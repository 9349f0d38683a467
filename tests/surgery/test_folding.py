"""Tests for surgery/folding.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import remove
from sb3_prune.surgery.folding import constants, fold

ACTIVATIONS = [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.ELU]


def constant_model(activation: type[nn.Module], name: str = "SAC") -> Any:
    """Return a model whose units 1 and 4 of each layer are constant."""
    model = zoo.make_model(name, policy_kwargs={"activation_fn": activation})
    for layer in sp.wire(model.policy).values():
        for twin in layer.both():
            twin.linear.weight.data[[1, 4]] = 0.0
            twin.linear.bias.data[[1, 4]] = torch.tensor([0.8, -0.3])
    return model


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_constant_is_the_activation_of_the_bias(activation: Any) -> None:
    model = constant_model(activation)
    for layer in sp.wire(model.policy).values():
        found = constants(layer)
        expected = activation()(torch.tensor([0.8, -0.3]))
        torch.testing.assert_close(found[[1, 4]], expected)
        others = [k for k in range(layer.units) if k not in (1, 4)]
        assert not found[others].any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", ["SAC", "TD3", "PPO", "DQN"])
def test_constant_units_go_without_a_trace(name: str, activation: Any) -> None:
    model = constant_model(activation, name)
    before = zoo.outputs(model.policy)
    units = sp.wire(model.policy).units()
    sp.apply(model, {layer: remove([1, 4], n) for layer, n in units.items()})
    zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)


def test_a_closed_gate_silences_the_constant() -> None:
    policy = constant_model(nn.Tanh).policy
    layer = sp.wire(policy)["actor.latent_pi.0"]
    sp.mask(policy, {layer.name: remove([1], layer.units)})
    assert constants(layer)[1] == 0 and constants(layer)[4] != 0


@pytest.mark.parametrize("training", [True, False])
def test_running_statistics_are_used_and_modes_restored(training: bool) -> None:
    policy = zoo.copied("CrossQ").train(training)
    layer = next(la for n, la in sp.wire(policy).items() if n.startswith("critic."))
    layer.linear.weight.data[1], layer.linear.bias.data[1] = 0.0, 0.8
    norm = next(m for m in layer.between if hasattr(m, "ra_mean"))
    scale = norm.scale[1] / (norm.ra_var[1] + norm.eps).sqrt()
    expected = (0.8 - norm.ra_mean[1]) * scale + norm.bias[1]
    torch.testing.assert_close(constants(layer)[1], expected.detach())
    assert all(module.training is training for module in layer.between)


def biases(folded: dict[Any, torch.Tensor]) -> list[torch.Tensor]:
    return [tensor for (_, name), tensor in folded.items() if name == "bias"]


def test_only_removals_of_constant_units_change_a_bias() -> None:
    layer = sp.wire(constant_model(nn.Tanh).policy)["actor.latent_pi.0"]
    assert biases(fold(layer, remove([1], layer.units), {}))
    assert not biases(fold(layer, remove([2], layer.units), {}))
    assert not fold(layer, remove([], layer.units), {})
    merged = sp.surgery.merge([[0, 1], *[[k] for k in range(2, 12)]], 12)
    assert not fold(layer, merged, {})


def test_layer_normalisation_does_not_fold() -> None:
    layer = sp.wire(constant_model(nn.Tanh).policy)["actor.latent_pi.0"]
    mixed = sp.surgery.HiddenLayer(
        layer.name, layer.linear, (nn.LayerNorm(12), *layer.between), layer.readers
    )
    assert not biases(fold(mixed, remove([1], 12), {}))


def test_a_unit_that_reads_only_removed_units_folds_too() -> None:
    """One plan for both layers does what two plans, one after the other, do."""
    once, twice = (constant_model(nn.Tanh, "TD3") for _ in range(2))
    for model in (once, twice):
        for twin in sp.wire(model.policy)["actor.mu.2"].both():
            twin.linear.weight.data[3] = 0.0
            twin.linear.weight.data[3, 1] = 0.9  # Unit 1 before it is constant.
    before = zoo.outputs(once.policy)
    second = sp.Plan({"actor.mu.2": remove([3], 10)})
    first = sp.Plan({"actor.mu.0": remove([1], 12)})
    sp.apply(twice, first)
    sp.apply(twice, second)
    sp.apply(once, second.then(first))  # Listed in any order.
    zoo.assert_close(zoo.outputs(once.policy), before, 1e-6)
    zoo.assert_same(zoo.snapshot(once.policy), zoo.snapshot(twice.policy))


def test_a_layer_without_bias_emits_no_constant() -> None:
    layer = sp.wire(constant_model(nn.Tanh).policy)["actor.latent_pi.0"]
    layer.linear.bias = None
    assert not constants(layer).any()
