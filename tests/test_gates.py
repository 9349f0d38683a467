"""Tests for gates.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sb3_prune.exceptions import PlanError
from sb3_prune.gates import Gate


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
