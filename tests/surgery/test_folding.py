"""Tests for surgery/folding.py."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import zoo
from extracted import A, extracted
from laws import assert_refused
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import remove
from sb3_prune.surgery.folding import Folding, are_zero

ACTIVATIONS = [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.ELU]


def constant_model(activation: type[nn.Module], name: str = "SAC") -> Any:
    """Return a model whose units 1 and 4 of each layer are constant."""
    model = zoo.make_model(name, policy_kwargs={"activation_fn": activation})
    for layer in sp.wire(model.policy).values():
        for twin in layer.with_targets():
            twin.module.weight.data[[1, 4]] = 0.0
            twin.module.bias.data[[1, 4]] = torch.tensor([0.8, -0.3])
    return model


def moved(model: Any, name: str, change: sp.Change) -> dict[str, torch.Tensor]:
    """Return by how much folding moves the biases of a layer's readers."""
    folding = Folding(model.policy)
    folding.fold(sp.wire(model.policy)[name], change)
    paths = {module: path for path, module in model.policy.named_modules()}
    return {
        paths[owner]: new - owner.bias.detach()
        for (owner, attribute), new in folding.tensors.items()
        if attribute == "bias"
    }


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_constant_is_the_activation_of_the_bias(activation: Any) -> None:
    model = constant_model(activation)
    for name in ("actor.latent_pi.0", "critic.qf1.2"):
        layer = sp.wire(model.policy)[name]
        found = moved(model, name, remove([1, 4], layer.units))
        constants = activation()(torch.tensor([0.8, -0.3]))
        for slot in layer.readers:
            expected = slot.owner.weight.detach()[:, [1, 4]] @ constants
            path = next(p for p in found if model.policy.get_submodule(p) is slot.owner)
            torch.testing.assert_close(found[path], expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", ["SAC", "TD3", "PPO", "DQN"])
def test_constant_units_go_without_a_trace(name: str, activation: Any) -> None:
    model = constant_model(activation, name)
    before = zoo.outputs(model.policy)
    units = sp.wire(model.policy).units()
    sp.apply(model, {layer: remove([1, 4], n) for layer, n in units.items()})
    zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)


def test_a_closed_gate_silences_the_constant() -> None:
    model = constant_model(nn.Tanh)
    name = "actor.latent_pi.0"
    sp.mask(model, {name: remove([1], 12)})
    assert not moved(model, name, remove([1], 12))
    assert moved(model, name, remove([4], 12))


@pytest.mark.parametrize("training", [True, False])
def test_running_statistics_are_used_and_modes_restored(training: bool) -> None:
    model = zoo.train(zoo.make_model("CrossQ"))
    policy = model.policy.train(training)
    layer = next(la for n, la in sp.wire(policy).items() if n.startswith("critic."))
    layer.module.weight.data[1], layer.module.bias.data[1] = 0.0, 0.8
    before = zoo.says(policy)
    sp.apply(policy, {layer.name: remove([1], layer.units)})
    zoo.assert_close(zoo.says(policy), before, 1e-5)
    assert all(module.training is training for module in policy.critic.modules())


def test_only_removals_of_constant_units_change_a_bias() -> None:
    model, name = constant_model(nn.Tanh), "actor.latent_pi.0"
    assert moved(model, name, remove([1], 12))
    assert not moved(model, name, remove([2], 12))
    assert not moved(model, name, remove([], 12))
    merged = sp.surgery.merge([[0, 1], *[[k] for k in range(2, 12)]], 12)
    assert not moved(model, name, merged)


def test_a_unit_that_reads_only_removed_units_folds_too() -> None:
    """One plan for both layers does what two plans, one after the other, do."""
    once, twice = (constant_model(nn.Tanh, "TD3") for _ in range(2))
    for model in (once, twice):
        for twin in sp.wire(model.policy)["actor.mu.2"].with_targets():
            twin.module.weight.data[3] = 0.0
            twin.module.weight.data[3, 1] = 0.9  # Unit 1 before it is constant.
    before = zoo.outputs(once.policy)
    second = sp.Plan({"actor.mu.2": remove([3], 10)})
    first = sp.Plan({"actor.mu.0": remove([1], 12)})
    sp.apply(twice, first)
    sp.apply(twice, second)
    sp.apply(once, {**second, **first})  # Listed in any order.
    zoo.assert_close(zoo.outputs(once.policy), before, 1e-6)
    zoo.assert_same(zoo.snapshot(once.policy), zoo.snapshot(twice.policy))


def test_a_reader_without_bias_is_reported() -> None:
    model, name = constant_model(nn.Tanh), "critic.qf0.0"
    reader = model.policy.critic.qf0[3]
    assert isinstance(reader, nn.Linear)
    reader.bias = None
    report = sp.apply(model.policy, {name: remove([1], 12)})
    assert report.unfolded == {name: "a reader has no bias"}


def helped(net: Any, x: torch.Tensor) -> torch.Tensor:
    h = net.a(x).tanh()
    if net.training:
        net.said = net.aux(h)
    return net.b(h)


def with_aux(net: Any) -> None:
    net.aux, net.said = nn.Linear(12, 2), None


@pytest.mark.parametrize("says", [True, False])
def test_what_reads_a_constant_only_in_training_is_reported(says: bool) -> None:
    model = extracted(helped, with_aux)
    net = model.policy.features_extractor
    with torch.no_grad():
        net.a.weight[3], net.a.bias[3] = 0.0, float(says)
    before = zoo.outputs(model.policy)
    report = sp.apply(model, {A: remove([3], 12)})
    zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)
    why = "Linear.weight reads them, too, where nothing shows it"
    assert report.unfolded == ({A: why} if says else {})


# Shifts of a change.


def shifted(width: int, unit: int = 1) -> sp.Change:
    """Return a change that keeps all units; readers' biases add one unit's weights."""
    shifts = torch.eye(width)[unit]
    return sp.Change(rows=torch.eye(width), columns=torch.eye(width), shifts=shifts)


@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN", "RecurrentPPO"])
def test_shifts_are_what_a_unit_more_would_say(name: str) -> None:
    """A shift of 1 equals a unit that says 1 more, in target networks as well."""
    model, same = (zoo.make_model(name, seed=2) for _ in range(2))
    wiring = sp.wire(model)
    layers = {n: la for n, la in wiring.items() if la.gate is not None}
    biases = {}
    for layer in (twin for la in layers.values() for twin in la.with_targets()):
        for slot in layer.readers:
            biases[slot.owner] = slot.owner.bias + slot.owner.weight[:, 1]
    sp.apply(model, {n: shifted(la.units) for n, la in layers.items()})
    for owner, bias in biases.items():
        torch.testing.assert_close(owner.bias, bias)
    assert biases and sp.wire(model).units() == sp.wire(same).units()


def test_a_constant_that_a_shift_takes_over_is_not_folded_as_well() -> None:
    model = constant_model(nn.Tanh)
    names = "actor.latent_pi.0", "critic.qf0.0"
    before = zoo.outputs(model.policy)
    cut = remove([1, 4], 12)
    shifts = torch.zeros(12)
    shifts[1] = torch.tanh(torch.tensor(0.8))  # Unit 4 is folded.
    change = sp.Change(rows=cut.rows, columns=cut.columns, shifts=shifts)
    report = sp.apply(model, dict.fromkeys(names, change))
    zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)
    assert not report.unfolded


def test_a_unit_that_becomes_constant_is_shifted_once() -> None:
    model = constant_model(nn.Tanh, "PPO")
    first, last = (f"mlp_extractor.policy_net.{k}" for k in (0, 2))
    module, said = sp.wire(model)[last].module, math.tanh(0.8)
    with torch.no_grad():
        module.weight[3] = 0.0
        module.weight[3, 1] = 0.9  # Unit 1 of the layer before it is constant.
        now = math.tanh(0.9 * said + float(module.bias[3]))
    before, cut = zoo.outputs(model.policy), remove([3], 10)
    change = sp.Change(
        rows=cut.rows, columns=cut.columns, shifts=torch.eye(10)[3] * now
    )
    sp.apply(model, {first: remove([1], 12), last: change})
    zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)


def without_bias(net: Any) -> None:
    net.b = nn.Linear(12, 8, bias=False)


def plain(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.a(x).relu())


def padded(net: Any) -> None:
    net.a, net.b = nn.Conv1d(1, 12, 2), nn.Conv1d(12, 2, 2, padding=1)


def slide(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.a(x[:, None]).relu()).flatten(1)


def again(net: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(net, x).tanh() + net.b.bias


def tied(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b2(torch.tanh(net.a(x).relu() @ net.a.weight))


def second(net: Any) -> None:
    net.b2 = nn.Linear(4, 8)
    del net.b


def scaled(net: Any, x: torch.Tensor) -> torch.Tensor:
    weight = net.b.weight.t()
    return torch.addmm(net.b.bias, net.a(x).relu(), weight, beta=0.5)


@pytest.mark.parametrize(
    ("run", "build", "why"),
    [
        (plain, without_bias, "a reader has no bias"),
        (slide, padded, "a convolution with padding reads them"),
        (again, None, "a reader's bias is used elsewhere, too"),
        (tied, second, "One weight both feeds and reads the units"),
        (scaled, None, "addmm scales what it adds"),
    ],
)
def test_shifts_that_no_bias_can_take_over_are_refused(
    run: Any, build: Any, why: str
) -> None:
    model = extracted(run, build)
    assert_refused(model.policy, {A: shifted(12)}, why)


def test_the_memory_of_an_lstm_takes_no_shifts() -> None:
    model = zoo.make_model("RecurrentPPO")
    assert_refused(model.policy, {"lstm_actor": shifted(8)}, "LSTM.weight_hh_l0 reads")


@pytest.mark.parametrize("shape", [(5, 0), (5, 1), (5, 4), (0, 3)])
def test_rows_of_zeros(shape: tuple[int, int]) -> None:
    """Also where only the first column is zero, or all others are."""
    generator = torch.Generator().manual_seed(0)
    for share in (0.0, 0.3, 0.7, 1.0):
        rows = torch.randn(shape, generator=generator)
        rows *= torch.rand(shape, generator=generator) > share
        assert torch.equal(are_zero(rows), (rows == 0).all(dim=1))
