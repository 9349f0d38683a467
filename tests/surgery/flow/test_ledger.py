"""Tests for surgery/flow/ledger.py: what is written down, without any tracing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sb3_prune.surgery.flow.axes import Axis, Units, free, is_held, roots
from sb3_prune.surgery.flow.ledger import Ledger
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.flow.tags import Arrival
from surgery.flow.tiny import Net, matrix

ROWS, COLUMNS, UNIT = Side.ROWS, Side.COLUMNS, Side.UNIT


def opened() -> tuple[Ledger, Any, torch.Tensor, torch.Tensor]:
    """Return a ledger, its parameters, activations, and a weight made of both."""
    net: Any = Net(lambda n, x: x, w=matrix(3, 8), b=matrix(8))
    ledger, hidden, made = Ledger(net), torch.zeros(2, 8), torch.zeros(8, 8)
    ledger.put(hidden, [free(2), free(8)], active=True)
    ledger.like(made, [free(8), ledger.axes(net.b)[0]], net.w, net.b)
    ledger.calls = 7
    return ledger, net, hidden, made


def only(axis: Axis) -> Units:
    """Return the units of an axis that has one segment."""
    (units,) = roots(axis)
    return units


def test_a_shared_parameter_has_all_its_paths_and_a_buffer_has_its_own() -> None:
    norm = nn.BatchNorm1d(4)
    ledger = Ledger(nn.ModuleDict({"a": norm, "b": nn.Sequential(norm)}))
    assert ledger.paths[id(norm.weight)] == ["a.weight", "b.0.weight"]
    assert ledger.paths[id(norm.running_mean)] == ["a.running_mean", "b.0.running_mean"]
    tag, key = ledger.tag(norm.weight), id(norm.weight)
    assert not tag.active and tag.sources == {key} and tag.view == (key, (0,))
    assert is_held(tag.axes[0])


def test_a_tensor_never_seen_is_an_opaque_input_and_stays_the_same_one() -> None:
    ledger, x = opened()[0], torch.zeros(2, 3)
    tag = ledger.tag(x)
    assert tag.active and not tag.sources
    assert [only(axis).fixed for axis in tag.axes] == ["an input"] * 2
    assert ledger.tag(x) is tag


def test_a_tensor_has_the_sources_of_all_it_was_made_of_until_inputs_come_in() -> None:
    ledger, net, hidden, made = opened()
    met = torch.zeros(8)
    ledger.like(met, [free(8)], made, hidden)
    ledger.put(net.b, [free(8)], active=True)  # A parameter stays what it is.
    assert ledger.tag(net.b).sources == {id(net.b)}
    assert not ledger.tag(made).active and ledger.tag(made).view is None
    assert ledger.tag(made).sources == {id(net.w), id(net.b)}
    assert ledger.tag(met).active and not ledger.tag(met).sources


@pytest.mark.parametrize(
    ("name", "sides", "kept"),
    [
        ("w", (COLUMNS, ROWS), ROWS),
        ("w", (ROWS, COLUMNS), ROWS),
        ("w", (UNIT, ROWS), ROWS),
        ("b", (ROWS, UNIT), UNIT),
        ("b", (UNIT, ROWS), UNIT),
    ],
)
def test_what_makes_and_reads_is_two_sided_and_what_scales_too_is_doubled(
    name: str, sides: tuple[Side, Side], kept: Side
) -> None:
    ledger, net, _, _ = opened()
    place = id(getattr(net, name)), 0
    for side in sides:
        ledger.hold(*place, side)
    assert ledger.sides == {place: kept}
    assert ledger.two_sided == (set() if UNIT in sides else {place})
    assert ledger.doubled == ({place} if UNIT in sides else set())


def test_activations_that_meet_a_weight_arrive_and_stay_free() -> None:
    ledger, net, hidden, _ = opened()
    ledger.contract(hidden, 1, net.w, -1, "linear", net.b, exact=False)
    assert ledger.arrivals == [Arrival(id(net.w), id(net.b), 1, -1, exact=False)]
    assert ledger.arrivals[0].call == ledger.multiplied == 7
    assert ledger.sides == {(id(net.w), 1): COLUMNS}
    units = only(ledger.axes(hidden)[1])
    assert only(ledger.axes(net.w)[1]) is units
    assert (units.fixed, units.unfoldable) == (None, set())


def test_a_bias_added_later_belongs_to_its_product_alone() -> None:
    ledger, net, hidden, _ = opened()
    for _ in range(2):
        ledger.contract(hidden, -1, net.w, 1, "matmul")
    ledger.add_bias(0, net.b)
    assert [met.bias for met in ledger.arrivals] == [id(net.b), None]


def test_a_product_of_two_activations_fixes_what_it_sums_over() -> None:
    ledger, _, hidden, _ = opened()
    other = torch.zeros(8, 2)
    ledger.put(other, [free(8), free(2)], active=True)
    ledger.contract(hidden, 1, other, 0, "bmm")
    fixed = [only(a).fixed for a in (*ledger.axes(hidden), *ledger.axes(other))]
    assert fixed == [None, *["bmm of two activations"] * 2, None]
    assert not ledger.arrivals and not ledger.sides


@pytest.mark.parametrize("side", ["a weight on the left", "a computed weight"])
def test_units_that_such_a_weight_reads_cannot_be_folded(side: str) -> None:
    ledger, net, hidden, made = opened()
    on_the_left = side == "a weight on the left"
    factors = (net.w, hidden) if on_the_left else (hidden, made)
    ledger.contract(factors[0], 1, factors[1], 1, "matmul")
    place = (id(net.w), 1) if on_the_left else (id(net.b), 0)
    assert ledger.sides == {place: COLUMNS} and not ledger.arrivals
    units = only(ledger.axes(hidden)[1])
    assert (units.fixed, units.unfoldable) == (None, {f"{side} reads them"})


def test_marks_reach_every_part_of_the_axes_they_are_given() -> None:
    ledger, net, hidden, _ = opened()
    parted = [*free(3), *free(5)]
    ledger.mix(parted, "softmax")
    assert [units.mixes for units in roots(parted)] == [{"softmax"}] * 2
    assert [units.fixed for units in roots(parted)] == [None] * 2
    ledger.fix_all([net.w, hidden], "gone")
    axes = [*ledger.axes(net.w), *ledger.axes(hidden), *ledger.axes(net.b)]
    assert [only(axis).fixed for axis in axes] == ["gone"] * 4 + [None]
