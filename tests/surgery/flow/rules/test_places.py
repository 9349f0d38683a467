"""Tests for surgery/flow/rules/places.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from surgery.flow.tiny import Net, TinyPolicy, assert_fixed, assert_prunable, groups

WALK, IMAGE = (3, 4), (3, 4, 4)
Function = Callable[[torch.Tensor], torch.Tensor]


def between(function: Function, width: int) -> Net:
    """Return two Linears, and a function of the units of the first between them."""
    last = nn.Linear(width, 4)
    return Net(lambda n, x: n.out(function(n.a(x))), a=nn.Linear(5, 8), out=last)


def halves(h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return h[:, : h.shape[1] // 2], h[..., h.shape[1] // 2 :]


def narrowed(h: torch.Tensor, half: int) -> tuple[torch.Tensor, torch.Tensor]:
    return h.narrow(1, 0, half), h.narrow(1, -half, half)


def gated(parts: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return parts[0] * parts[1].sigmoid()


TYING: dict[str, Function] = {
    "chunk": lambda h: gated(h.chunk(2, 1)),
    "chunk-by-name": lambda h: gated(torch.chunk(h, 2, dim=-1)),
    "split": lambda h: gated(h.split(h.shape[1] // 2, 1)),
    "tensor-split": lambda h: gated(torch.tensor_split(h, 2, dim=1)),
    "slices": lambda h: gated(halves(h)),
    "glu": functional.glu,
    "glu-first": lambda h: functional.glu(h.T, 0).T,
    "narrow": lambda h: gated(narrowed(h, h.shape[1] // 2)),
}


@pytest.mark.parametrize("name", TYING)
def test_halves_that_meet_again_are_tied_two_by_two(name: str) -> None:
    """That the place of the cut follows the width, only a trial can tell."""
    assert_prunable(between(TYING[name], 4), {"a": 4, "out": 4}, soft={"a"})


def test_unequal_parts_are_layers_of_their_own() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        few, many = n.a(x).split([2, 6], 1)
        return n.few(few) + n.many(many)

    net = Net(run, a=nn.Linear(5, 8), few=nn.Linear(2, 4), many=nn.Linear(6, 4))
    found = groups(TinyPolicy(net))
    free = {name: g.units for name, g in found.items() if not g.fixed}
    assert free == {"a[0]": 2, "a[1]": 6, "few": 4}
    assert found["a[0]"].soft == found["a[1]"].soft == {"split"}
    starts = {s.owner is net.a: s.start for s in found["a[1]"].slots if s.axis == 0}
    assert starts == {True: 2}


WHOLE: dict[str, Function] = {
    "all": lambda h: h[:],
    "all-of-both": lambda h: h[:, :],
    "up-to-the-end": lambda h: h[:, 0 : h.shape[1]],
    "beyond-the-end": lambda h: h[:, :1000],
    "new-axes": lambda h: h[None, :, None][0, ..., 0, :],
    "dots": lambda h: h[..., None][..., 0],
    "select": lambda h: h[:, None].select(1, 0),
    "select-last": lambda h: h[:, :, None].select(-1, -1),
    "numpy-integer": lambda h: h[:, None][:, np.int64(0)],
    "unbind": lambda h: h[:, None].unbind(1)[0],
    "rows": lambda h: torch.stack(list(h)),
    "other-axis": lambda h: torch.cat(h.split(1), 0),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_axis_is_no_literal_place(name: str) -> None:
    assert_prunable(between(WHOLE[name], 8), {"a": 8, "out": 4})


def test_the_last_step_of_a_walk_leaves_the_units_alone() -> None:
    net = Net(lambda n, x: n.out(n.a(x)[:, -1]), a=nn.Linear(4, 8), out=nn.Linear(8, 4))
    assert_prunable(net, {"a": 8, "out": 4}, shape=WALK)


def test_a_batch_may_be_cut_anywhere() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        hidden = n.a(x)
        return n.out(torch.cat([hidden[:1], hidden[1:]]))

    assert_prunable(
        Net(run, a=nn.Linear(5, 8), out=nn.Linear(8, 4)), {"a": 8, "out": 4}
    )


FIXING: dict[str, tuple[Function, int, str]] = {
    "unbind": (
        lambda h: torch.stack(h.unbind(1), 1),
        8,
        "unbind takes its units apart",
    ),
    "select": (lambda h: h.select(1, 2)[:, None], 1, "select takes one place"),
    "index": (lambda h: h[:, 2, None], 1, "an index takes one place"),
    "step": (lambda h: h[:, ::2], 4, "no rule for getitem"),
    "list": (lambda h: h[:, [0, 3]], 2, "no rule for getitem"),
    "mask": (lambda h: h[:, torch.arange(8) > 3], 4, "no rule for getitem"),
    "true": (lambda h: h[True][0], 8, "no rule for getitem"),
}


@pytest.mark.parametrize("name", FIXING)
def test_single_units_that_are_taken_out_stay(name: str) -> None:
    function, width, why = FIXING[name]
    assert_fixed(between(function, width), {"a": why})


def test_a_cut_through_the_positions_of_a_channel_fixes_it() -> None:
    """Places 10 lies inside the channel whose entries are 0 to 15."""
    net = Net(
        lambda n, x: n.out(n.a(x).flatten(1)[:, 10:]),
        **{"a": nn.Conv2d(3, 6, 1), "out": nn.Linear(86, 4)},
    )
    assert_fixed(net, {"a": "a slice cuts through a unit"}, shape=IMAGE)
