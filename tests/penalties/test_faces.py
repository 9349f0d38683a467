"""Tests for faces.py."""

from __future__ import annotations

import pytest
import torch

from penalties.made import KINDS, joined, make
from sb3_prune.penalties.faces import face_of
from sb3_prune.surgery import wire
from sb3_prune.surgery.flow.slots import Side

SIDES = [Side.ROWS, Side.COLUMNS]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", SIDES)
def test_a_face_is_what_the_layer_says(kind: str, side: Side) -> None:
    for layer in wire(make(kind)).values():
        face = face_of(layer, layer.weights(side))
        says = layer.incoming() if side is Side.ROWS else layer.outgoing()
        assert torch.equal(face.read(), says)
        assert face.passing() is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", SIDES)
def test_rows_find_their_way_back(kind: str, side: Side) -> None:
    for layer in wire(make(kind)).values():
        face = face_of(layer, layer.weights(side))
        rows = torch.arange(face.read().numel()).float().reshape(face.read().shape)
        sums = {
            each.parameter: torch.ones_like(each.parameter) for each in face.stretches
        }
        for stretch, part in face.parted(rows):
            stretch.add(part, sums[stretch.parameter], 2.0)
        for slot in layer.weights(side):  # Read by the way there.
            slot.tensor.data.copy_(sums[slot.tensor])
        assert torch.equal(face.read(), 1 + 2 * rows)


def test_closed_gates_stop_what_they_stop() -> None:
    layer = wire(make("PPO", closed=True))["mlp_extractor.policy_net.2"]
    face = face_of(layer, layer.weights(Side.ROWS))
    passing = face.passing()
    assert passing is not None and set(passing.unique().tolist()) == {0.0, 1.0}
    own = layer.active.float().unsqueeze(1)
    expected = joined(layer, layer.weights(Side.ROWS))
    assert torch.equal(face.read() * passing * own, expected)


def test_a_face_may_have_no_weights() -> None:
    layer = next(iter(wire(make("PPO")).values()))
    face = face_of(layer, [])
    assert face.read().shape == (12, 0)
    assert face.passing() is None
    assert face.parted(face.read()) == []
