"""Tests for surgery/hidden_layer.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from images import LOOKERS
from torch import nn
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.surgery import remove
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer


def layer_of(name: str, path: str) -> HiddenLayer:
    return sp.wire(make_user_model(name, sp.MaskedPolicyMixin).policy)[path]


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_weights_in_and_out_have_a_row_for_each_unit(name: str) -> None:
    for layer in sp.wire(zoo.trained(name).policy).values():
        for twin in layer.with_targets():
            assert len(twin.incoming()) == len(twin.outgoing()) == twin.units
            assert twin.like.shape == (twin.units,)
            assert torch.equal(twin.like, twin.incoming()[:, 0])


def test_a_channel_has_its_kernels_and_a_block_of_columns() -> None:
    policy: Any = LOOKERS["DQN-Cnn"].make().policy
    extractor = policy.q_net.features_extractor
    layer = sp.wire(policy)["q_net.features_extractor.cnn.4"]
    weight = layer.module.weight
    assert torch.equal(layer.incoming(), weight.detach().flatten(1))
    columns = extractor.linear[0].weight.detach().unflatten(1, (64, -1))
    assert torch.equal(layer.outgoing(), columns.transpose(0, 1).flatten(1))


def test_a_memory_cell_has_the_rows_of_four_gates() -> None:
    policy = zoo.trained("RecurrentPPO").policy
    layer = sp.wire(policy)["lstm_actor"]
    lstms = [policy.lstm_actor, policy.lstm_critic]
    count = sum(4 * (lstm.input_size + lstm.hidden_size) for lstm in lstms)
    assert layer.incoming().shape == (8, count)
    gates = policy.lstm_actor.weight_ih_l0.detach().unflatten(0, (4, 8))
    assert set(gates[:, 3].flatten().tolist()) <= set(layer.incoming()[3].tolist())


def test_gated_values_have_both_rows() -> None:
    layer = layer_of("gated-by-chunk", "mlp_extractor.pi.both")
    value, gate = layer.module.weight.detach().chunk(2)
    assert torch.equal(layer.incoming(), torch.cat([value, gate], dim=1))


def test_what_one_weight_makes_and_reads_is_read_by_its_rows() -> None:
    layer = layer_of("tied-transpose", "mlp_extractor.pi.code")
    assert not any(slot.side is Side.COLUMNS for slot in layer.group.slots)
    assert torch.equal(layer.outgoing(), layer.incoming())


def test_slots_are_those_of_the_group_and_of_its_gates() -> None:
    model = zoo.make_model("DQN")
    name, layer = next(iter(sp.wire(model.policy).items()))
    assert layer.slots() == layer.group.slots
    sp.mask(model, {name: remove([1], layer.units)})
    assert layer.slots()[:-1] == layer.group.slots
    mask = layer.slots()[-1]
    assert mask.owner is layer.gate and mask.attribute == "mask"
    assert (mask.side, mask.neutral) == (Side.UNIT, 1.0)


def test_closed_and_learnt_gates_are_counted() -> None:
    model = zoo.make_model("DQN")
    layer = sp.wire(model.policy)["q_net.q_net.0"]
    assert layer.gate is not None and float(layer.expected_units) == 12.0
    sp.mask(model, {layer.name: remove([0, 5], 12)})
    assert float(layer.expected_units) == 10.0
    assert layer.active.tolist() == [k not in (0, 5) for k in range(12)]
    assert bool(layer.target.active.equal(layer.active))


def test_weights_from_and_to_closed_units_do_not_count() -> None:
    model = zoo.make_model("DQN")
    first, second = sp.wire(model.policy).values()
    sp.mask(model, {first.name: remove([2], 12)})
    assert not second.incoming()[:, 2].any() and bool(second.module.weight[:, 2].any())
    assert bool(first.outgoing()[2].any())  # Its own gate is not in the way.
    sp.mask(model, {second.name: remove([1], 10)})
    assert not first.outgoing()[:, 1].any()


def test_readers_are_weights_and_noise() -> None:
    model = zoo.make_model("SAC", use_sde=True)
    actor = model.policy.actor
    layer = sp.wire(model.policy)["actor.latent_pi.2"]
    found = {(slot.owner, slot.attribute, slot.side) for slot in layer.readers}
    assert found == {
        (actor.mu[0], "weight", Side.COLUMNS),
        (actor, "log_std", Side.NOISE),
    }
    assert layer.outgoing().shape == (10, 1)
    columns = {slot for slot in layer.readers if slot.side is Side.COLUMNS}
    assert {read.slot for read in layer.reads} == columns
    assert {read.bias for read in layer.reads} == {(actor.mu[0], "bias")}


def test_layers_tell_what_mixes_them() -> None:
    path = "mlp_extractor.pi.first"
    assert layer_of("layer-normed", path).mixes == {"layer_norm"}
    assert not layer_of("batch-normed", path).mixes


def test_a_layer_without_a_gate_is_active() -> None:
    layer = layer_of("residual", "mlp_extractor.pi.stem")
    assert layer.gate is None and layer.target is None
    assert bool(layer.active.all()) and float(layer.expected_units) == 12.0
    assert layer.with_targets() == [layer]
    assert isinstance(layer.module, nn.Linear)
