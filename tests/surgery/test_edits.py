"""Tests for surgery/edits.py."""

from __future__ import annotations

import pytest
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import add, keep, merge, remove, reset
from sb3_prune.surgery.edits import Edit, edits_of, run
from sb3_prune.surgery.flow.slots import Side, Slot


def slot(
    side: Side = Side.COLUMNS, axis: int = 1, start: int = 0, block: int = 1
) -> Slot:
    return Slot(nn.Linear(1, 1), "weight", axis, side, start, block)


@given(
    units=st.integers(2, 5),
    block=st.integers(1, 3),
    before=st.integers(0, 4),
    behind=st.integers(0, 4),
    axis=st.integers(0, 2),
    side=st.sampled_from(list(Side)),
)
def test_only_the_stretch_changes(
    units: int, block: int, before: int, behind: int, axis: int, side: Side
) -> None:
    shape = [3, 3, 3]
    shape[axis] = before + units * block + behind
    tensor = torch.arange(torch.Size(shape).numel()).reshape(shape).float()
    edit = Edit(slot(side, axis, before, block), remove([1], units))
    gone = range(before + block, before + 2 * block)
    kept = [i for i in range(shape[axis]) if i not in gone]
    assert torch.equal(edit(tensor), tensor.index_select(axis, torch.tensor(kept)))


@given(start=st.integers(0, 3), block=st.integers(1, 3), seed=st.integers(0, 99))
def test_two_edits_of_a_stretch_are_the_edit_of_both(
    start: int, block: int, seed: int
) -> None:
    tensor = torch.randn(4, start + 6 * block + 2)
    a, b = merge([[0, 1], [2, 5], [3, 4]], 6), add(2, 3, seed)
    place = slot(Side.COLUMNS, 1, start, block)
    twice = run([Edit(place, a), Edit(place, b)], tensor)
    torch.testing.assert_close(Edit(place, a.then(b))(tensor), twice)


def test_rows_are_averaged_and_columns_summed() -> None:
    change = merge([[0, 2], [1]], 3)
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    rows = Edit(slot(Side.ROWS, 0), change)(weight)
    assert rows.tolist() == [[3.0, 4.0], [3.0, 4.0]]
    assert Edit(slot(axis=0), change)(weight).tolist() == [[6.0, 8.0], [3.0, 4.0]]
    # A moment of an optimiser is the mean of those it comes from, on either side.
    assert torch.equal(Edit(slot(axis=0), change)(weight, moment=True), rows)


@pytest.mark.parametrize("neutral", [0.0, 1.0])
def test_what_belongs_to_a_new_unit_is_neutral(neutral: float) -> None:
    scale = Slot(nn.BatchNorm1d(3), "weight", 0, Side.UNIT, neutral=neutral)
    found = Edit(scale, add(2, 3, 1))(torch.tensor([5.0, 6.0, 7.0]))
    assert found.tolist() == [5.0, 6.0, 7.0, neutral, neutral]
    reborn = Edit(scale, reset([1], 3, 1))(torch.tensor([5.0, 6.0, 7.0]))
    assert reborn.tolist() == [5.0, neutral, 7.0]
    moments = Edit(scale, reset([1], 3, 1))(torch.ones(3), moment=True)
    assert moments.tolist() == [1.0, 0.0, 1.0]


def test_new_rows_are_drawn_for_weights_and_zero_for_biases_and_moments() -> None:
    rows = slot(Side.ROWS, 0)
    drawn = Edit(rows, add(2, 3, 1))(torch.zeros(3, 16))
    assert not drawn[:3].any() and bool(drawn[3:].all())
    assert drawn.abs().max() <= 0.25
    assert not Edit(rows, add(2, 3, 1))(torch.zeros(3)).any()
    assert not Edit(rows, add(2, 3, 1))(torch.zeros(3, 16), moment=True).any()
    other = Edit(rows, add(2, 3, 1), place=1)(torch.zeros(3, 16))
    assert not torch.equal(other, drawn)


def test_each_gate_of_a_new_memory_cell_has_its_own_draws() -> None:
    policy = zoo.copied("RecurrentPPO")
    sp.apply(policy, {"lstm_actor": add(1, 8, 1)})
    for attribute in ("weight_ih_l0", "weight_hh_l0"):
        rows = getattr(policy.lstm_actor, attribute).detach().unflatten(0, (4, 9))[:, 8]
        old = rows[:, :8] if attribute == "weight_hh_l0" else rows
        assert bool(old.all())
        assert len(torch.unique(old, dim=0)) == 4


@pytest.mark.parametrize("name", ["SAC", "PPO", "RecurrentPPO", "CrossQ"])
def test_every_tensor_has_the_edits_of_all_the_layers_in_it(name: str) -> None:
    policy = zoo.copied(name)
    wiring, plan = sp.wire(policy), zoo.random_plan(policy)
    found = edits_of(wiring.values(), plan)
    held = [
        (id(slot.tensor), slot, plan[layer.name])
        for layer in wiring.values()
        for twin in layer.with_targets()
        for slot in twin.slots()
    ]
    edits = [(id(tensor), e.slot, e.change) for tensor, es in found for e in es]
    assert len(edits) == len(held) and all(edit in held for edit in edits)
    assert len({id(tensor) for tensor, _ in found}) == len(found)


def test_the_order_of_layers_and_stretches_does_not_matter() -> None:
    """Those behind go first; rows last, for drawn ones need all their inputs."""
    policy = zoo.copied("RecurrentPPO")
    layers = list(sp.wire(policy).values())
    plan = {la.name: add(2, la.units, 1) for la in layers}
    for one, other in zip(
        edits_of(layers, plan), reversed(edits_of(layers[::-1], plan)), strict=False
    ):
        for _, edits in (one, other):
            rows = [edit.slot.side is Side.ROWS for edit in edits]
            assert rows == sorted(rows)
    made = {id(t): run(es, t.detach()) for t, es in edits_of(layers, plan)}
    for tensor, edits in edits_of(layers[::-1], plan):
        assert torch.equal(run(edits, tensor.detach()), made[id(tensor)])


def test_neighbouring_stretches_keep_their_places() -> None:
    both = nn.Linear(5, 1, bias=False)
    both.weight.data = torch.arange(5.0).reshape(1, 5)
    one, other = (Slot(both, "weight", 1, Side.COLUMNS, start) for start in (0, 3))
    edits = [Edit(other, keep([1], 2)), Edit(one, keep([0, 2], 3))]
    assert run(edits, both.weight.detach()).tolist() == [[0.0, 2.0, 4.0]]
