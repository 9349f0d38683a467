"""Tests for surgery/flow/tags.py."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from sb3_prune.surgery.flow.tags import Arrival, Call, Tag
from sb3_prune.surgery.flow.tracer import Tracer


def test_a_call_knows_the_tensors_that_it_took_and_gave() -> None:
    a, b, c = (torch.zeros(n) for n in (1, 2, 3))
    call = Call("op", (a, [b, 1.0]), {"out": c, "dim": 0}, (b, "text"))
    assert [len(tensor) for tensor in call.inputs] == [1, 2, 3]
    assert [len(tensor) for tensor in call.outputs] == [2]


def test_a_computed_tensor_is_no_parameter_unless_said_so() -> None:
    tag = Tag([], active=True)
    assert (tag.sources, tag.view) == (frozenset(), None)


def test_a_parameter_is_a_view_of_itself() -> None:
    linear = nn.Linear(3, 2)
    tag = Tracer(linear).tag(linear.weight)
    key = id(linear.weight)
    assert (tag.active, tag.sources, tag.view) == (False, {key}, (key, (0, 1)))


def test_the_same_meeting_counts_once() -> None:
    linear = nn.Linear(3, 2)
    tracer = Tracer(linear)
    few, many = torch.zeros(1, 3), torch.zeros(4, 3)
    with tracer:
        linear(few)
        linear(many)
    first, second = tracer.arrivals
    expected = Arrival(id(linear.weight), id(linear.bias), 1, -1, exact=True)
    assert first == second == expected
    assert len({first, second, replace(first, exact=False)}) == 2
