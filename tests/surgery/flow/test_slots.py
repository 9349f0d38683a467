"""Tests for surgery/flow/slots.py."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sb3_prune.surgery.flow.slots import Read, Side, Slot, split_axis


@st.composite
def stretches(draw: st.DrawFn) -> tuple[torch.Tensor, int, int, int, int]:
    """Draw a tensor, an axis, and where on it how many units of which size lie."""
    others = draw(st.lists(st.integers(1, 3), max_size=3))
    axis = draw(st.integers(0, len(others)))
    start, count = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    block, rest = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    shape = [*others[:axis], start + count * block + rest, *others[axis:]]
    tensor = torch.arange(float(torch.Size(shape).numel())).reshape(shape)
    return tensor, axis, start, count, block


def indices(axis: int, start: int, unit: int, block: int) -> tuple[Any, ...]:
    """Return the index of one unit's entries."""
    stretch = slice(start + unit * block, start + (unit + 1) * block)
    return (slice(None),) * axis + (stretch,)


@given(stretches(), st.data())
def test_the_units_of_a_slot_come_first_and_are_a_view(
    drawn: tuple[torch.Tensor, int, int, int, int], data: st.DataObject
) -> None:
    tensor, axis, start, count, block = drawn
    slot = Slot(nn.Module(), "weight", axis, Side.ROWS, start, block)
    units = slot.units(tensor, count)
    assert units.shape[:2] == (count, block)
    unit = data.draw(st.integers(0, count - 1))
    there = tensor[indices(axis, start, unit, block)]
    assert torch.equal(units[unit], there.movedim(axis, 0))
    before = tensor.clone()
    units[unit] = -1.0
    assert bool((there == -1).all())
    there.copy_(before[indices(axis, start, unit, block)])
    assert torch.equal(tensor, before)


@given(stretches(), st.data())
def test_what_arrived_ends_in_units_and_their_entries(
    drawn: tuple[torch.Tensor, int, int, int, int], data: st.DataObject
) -> None:
    tensor, axis, start, count, block = drawn
    slot = Slot(nn.Module(), "weight", 0, Side.COLUMNS, start, block)
    arrived = Read(slot, axis - tensor.ndim).arrived(tensor, count)
    unit = data.draw(st.integers(0, count - 1))
    there = tensor[indices(axis, start, unit, block)]
    assert arrived.shape[-2:] == (count, block)
    assert torch.equal(arrived[..., unit, :], there.movedim(axis, -1))


@given(stretches())
def test_a_split_axis_is_a_view_with_units_before_their_entries(
    drawn: tuple[torch.Tensor, int, int, int, int],
) -> None:
    tensor, axis, _, _, block = drawn
    whole = tensor.narrow(axis, 0, tensor.shape[axis] // block * block)
    split = split_axis(whole, axis, block)
    assert split.shape[axis + 1] == block
    assert torch.equal(split.flatten(axis, axis + 1), whole)
    assert split.data_ptr() == whole.data_ptr()


def test_a_slot_follows_its_owner() -> None:
    linear = nn.Linear(3, 2)
    slot = Slot(linear, "weight", 0, Side.ROWS)
    assert slot.tensor is linear.weight
    linear.weight = nn.Parameter(torch.zeros(4, 3))
    assert slot.tensor is linear.weight
    assert (slot.start, slot.block, slot.neutral) == (0, 1, 1.0)


def test_slots_of_one_tensor_have_one_key_and_places_of_their_own() -> None:
    linear = nn.Linear(3, 2)
    slots = [Slot(linear, "weight", 1, Side.COLUMNS, start) for start in (0, 2)]
    assert {slot.key for slot in slots} == {(linear, "weight")}
    assert [slot.place for slot in slots] == [(slots[0].key, 0), (slots[0].key, 2)]
