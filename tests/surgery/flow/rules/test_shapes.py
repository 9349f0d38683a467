"""Tests for surgery/flow/rules/shapes.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sb3_prune.surgery.flow.axes import Axis, free, is_held, length, opaque, roots
from sb3_prune.surgery.flow.rules.shapes import regroup
from surgery.flow.entries import Entry, entries
from surgery.flow.tiny import Net, assert_fixed, assert_prunable

WALK, IMAGE = (3, 4), (3, 4, 4)
Function = Callable[[torch.Tensor], torch.Tensor]


def between(function: Function, width: int) -> Net:
    """Return two Linears, and a function of the units of the first between them."""
    last = nn.Linear(width, 4)
    return Net(lambda n, x: n.out(function(n.a(x))), a=nn.Linear(5, 8), out=last)


def all_axes_turned(h: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of three axes it is deprecated.
        return h[:, :, None].T[0].T


# Of two axes: (batch, units).

KEEPING: dict[str, Function] = {
    "view": lambda h: h.view(-1, h.shape[1]),
    "view-as": lambda h: h.view_as(h),
    "a-type-and-back": lambda h: h.view(torch.int32).view(torch.float32),
    "unsqueeze-first": lambda h: h[:, None].unsqueeze(0).squeeze(0).squeeze(1),
    "unsqueeze-last": lambda h: h.unsqueeze(-1).squeeze(-1),
    "squeeze-all": lambda h: h.unsqueeze(1).unsqueeze(-1).squeeze(),
    "flatten-ones": lambda h: h.reshape(1, -1, 1, h.shape[1], 1).flatten(0, 2)[..., 0],
    "T": lambda h: h.T.t(),
    "mT": lambda h: h.mT.transpose(0, 1),
    "adjoint": lambda h: h.adjoint().swapaxes(-1, 0),
    "T-of-three": all_axes_turned,
    "movedim": lambda h: h[:, :, None, None].movedim(1, -1).flatten(1),
    "moveaxis": lambda h: h[:, None].moveaxis((0, 1), (1, 0))[0],
    "permute": lambda h: torch.permute(h, dims=(1, 0)).permute(1, 0),
    "permute-tuple": lambda h: h.permute((1, 0)).permute([1, 0]),
    "expand": lambda h: h[:, None].expand(-1, 3, -1).mean(1),
    "expand-new": lambda h: h.expand(2, -1, -1)[0],
    "broadcast-to": lambda h: h.broadcast_to(2, *h.shape)[1],
    "detach": lambda h: h.detach(),
    "data": lambda h: h.data,
    "stack": lambda h: torch.stack([h, h.tanh()]).sum(0),
    "stack-inside": lambda h: torch.stack([h, h.tanh()], dim=-1)[..., 1],
    "cat-of-one": lambda h: torch.cat([h], dim=-1),
}


@pytest.mark.parametrize("name", KEEPING)
def test_units_that_move_stay_units(name: str) -> None:
    assert_prunable(between(KEEPING[name], 8), {"a": 8, "out": 4})


REPEATING: dict[str, Function] = {
    "repeat": lambda h: h.repeat(1, 2),
    "tile": lambda h: h.tile(2),
    "cat": lambda h: torch.cat([h.relu(), (-h).relu()], 1),
    "concat": lambda h: torch.concat([h, h], dim=-1),
    "concatenate": lambda h: torch.concatenate([h, h], axis=1),
    "hstack": lambda h: torch.hstack([h, h]),
    "hstack-of-three": lambda h: torch.hstack([h[..., None], h[..., None]])[..., 0],
    "flattened": lambda h: torch.stack([h, -h], dim=1).flatten(1),
    "beside": lambda h: torch.stack([h, -h], dim=2).flatten(1),
    "flattened-and-back": lambda h: h.repeat(1, 2).view(-1, 2, h.shape[1]).flatten(1),
}


@pytest.mark.parametrize("name", REPEATING)
def test_units_that_are_repeated_are_read_at_every_place(name: str) -> None:
    assert_prunable(between(REPEATING[name], 16), {"a": 8, "out": 4})


FIXING: dict[str, tuple[Function, int, str]] = {
    "two-heads": (lambda h: h.view(-1, 2, 4).mean(1), 4, "reshape splits the units"),
    "unflatten": (lambda h: h.unflatten(1, (4, 2))[:, :, 0], 4, "reshape splits"),
    "with-batch": (
        lambda h: h.reshape(-1, 2).reshape(len(h), -1),
        8,
        "reshape joins and splits several axes",
    ),
    "spread-and-flattened": (
        lambda h: h[:, None].expand(-1, 2, -1).reshape(-1, 16),
        16,
        "flatten joins several axes of units",
    ),
}


@pytest.mark.parametrize("name", FIXING)
def test_units_that_are_split_or_joined_stay(name: str) -> None:
    function, width, why = FIXING[name]
    assert_fixed(between(function, width), {"a": why})


# Of more axes.


def test_two_layers_side_by_side_keep_their_places() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(torch.cat([x, n.a(x), n.b(x)], dim=1))

    net = Net(run, a=nn.Linear(5, 8), b=nn.Linear(5, 6), out=nn.Linear(19, 4))
    assert_prunable(net, {"a": 8, "b": 6, "out": 4})


def test_layers_joined_along_another_axis_are_tied() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        joined = torch.cat([n.a(x)[:, None], n.b(x)[:, None]], dim=1)
        return n.out(joined.amax(1) + torch.stack([n.a(x), n.c(x)]).amax(0))

    net = Net(run, **{name: nn.Linear(5, 8) for name in "abc"}, out=nn.Linear(8, 4))
    assert_prunable(net, {"a": 8, "out": 4})


FLATTENED: dict[str, Function] = {
    "channels-first": lambda h: h.flatten(1),
    "channels-last": lambda h: h.permute(0, 2, 3, 1).flatten(1),
    "channels-between": lambda h: h.permute(0, 2, 1, 3).reshape(len(h), -1),
    "in-steps": lambda h: h.flatten(2).flatten(1),
    "and-back": lambda h: h.flatten(1).view(-1, h.shape[1], 4, 4).flatten(1),
    "and-back-in-halves": lambda h: h.flatten(1).view(-1, h.shape[1], 2, 8).flatten(1),
}


@pytest.mark.parametrize("name", FLATTENED)
def test_a_flattened_channel_is_one_unit_of_many_places(name: str) -> None:
    net = between(FLATTENED[name], 96)
    net.a = nn.Conv2d(3, 6, 1)
    assert_prunable(net, {"a": 6, "out": 4}, shape=IMAGE)


def test_two_layers_of_units_in_one_axis_stay() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out((n.a(x)[:, :, None] * n.b(x)[:, None]).flatten(1))

    net = Net(run, a=nn.Linear(5, 3), b=nn.Linear(5, 4), out=nn.Linear(12, 4))
    why = "flatten joins several axes of units"
    assert_fixed(net, {"a": why, "b": why})


# A layer of one unit: its axis is no mere axis of size one.


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda g: g.squeeze(-1)[:, None], "squeeze drops an axis of one unit"),
        (lambda g: g.reshape(-1)[:, None], "reshape drops an axis of one unit"),
        (lambda g: g.expand(-1, 8), "expand repeats one unit"),
        (lambda g: g, "mul spreads one unit"),
    ],
)
def test_a_single_unit_that_is_dropped_or_spread_stays_one(
    function: Function, why: str
) -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        gate = n.gate(x)
        return n.a(x) * function(gate) + n.reader(gate)

    gate, reader = nn.Linear(5, 1), nn.Linear(1, 8)
    net = Net(run, a=nn.Linear(5, 8), gate=gate, reader=reader)
    assert_fixed(net, {"gate": why})


def test_a_single_unit_that_is_only_read_may_get_company() -> None:
    net = nn.Sequential(nn.Linear(5, 1), nn.Tanh(), nn.Linear(1, 4))
    assert_prunable(net, {"0": 1, "2": 4})


# The law of a reshape.


KINDS = ["opaque", "free", "twice", "block"]


@given(st.lists(st.sampled_from([1, 2, 4, 6]), min_size=1, max_size=4), st.data())
def test_what_a_reshape_leaves_free_is_where_it_was(
    sizes: list[int], data: st.DataObject
) -> None:
    axes = [axis_of(n, data.draw(st.sampled_from(KINDS))) for n in sizes]
    before = [roots(axis) for axis in axes if is_held(axis)]
    new = [1]
    for n in sizes:
        new = [*new, n] if data.draw(st.booleans()) else [*new[:-1], new[-1] * n]
    if data.draw(st.booleans()):
        axes, sizes, new = regroup(axes, sizes, new), new, sizes
    found = regroup(axes, sizes, new)
    assert [length(axis) for axis in found] == new
    where = np.indices(sizes).reshape(len(sizes), *new)
    for i, axis in enumerate(found):
        for j, entry in enumerate(entries(axis)):
            if is_held([(entry[0], 1)]):
                there = zip(axes, where.take(j, axis=i + 1), strict=True)
                assert any(is_at(entries(old), entry, places) for old, places in there)
    # No axis of units is lost: it is still there, or nobody may cut it.
    left = {id(units) for axis in found for units in roots(axis)}
    for units in before:
        assert all(u.fixed is not None or id(u) in left for u in units)


def axis_of(size: int, kind: str) -> Axis:
    if kind == "opaque" or size == 1:
        return opaque(size, "an input")
    if kind == "free":
        return free(size, held=True)
    half = free(size // 2, held=True)
    return half * 2 if kind == "twice" else [(units, 2) for units, _ in half]


def is_at(old: list[Entry], entry: Entry, places: np.ndarray) -> bool:
    """Tell whether an entry of an axis was the same at all of these places."""
    return all(old[place] == entry for place in places.flat)
