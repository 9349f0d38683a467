"""Tests for surgery/flow/tracer.py."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from sb3_prune.surgery.flow.axes import is_free, is_held, resolve, roots
from sb3_prune.surgery.flow.rules import RULES
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.flow.tags import Arrival
from sb3_prune.surgery.flow.tracer import Tracer
from surgery.flow.tiny import matrix

Function = Callable[[torch.Tensor], Any]


class Holder(nn.Module):
    """Parameters and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.v = matrix(3, 8), matrix(8, 8)
        self.b = matrix(8)
        self.register_buffer("buffer", torch.zeros(8))


def traced(function: Callable[[Holder, torch.Tensor], Any]) -> tuple[Tracer, Holder]:
    """Trace a function of parameters and of two observations of three numbers."""
    holder, x = Holder(), torch.randn(2, 3)
    tracer = Tracer(holder)
    with torch.no_grad(), tracer:
        function(holder, x)
    return tracer, holder


def why(tracer: Tracer, tensor: torch.Tensor, axis: int = -1) -> str | None:
    """Return why the units along an axis of a tensor are fixed."""
    return roots(tracer.axes(tensor)[axis])[0].fixed


# What is known of a tensor.


def test_parameters_may_hold_units_and_inputs_may_not() -> None:
    holder = Holder()
    tracer = Tracer(holder)
    assert all(map(is_held, tracer.axes(holder.w)))
    assert not any(map(is_free, tracer.axes(torch.zeros(2, 3))))
    assert tracer.tag(torch.zeros(2)).active


def test_a_shared_parameter_has_every_path() -> None:
    linear = nn.Linear(3, 3)
    tracer = Tracer(nn.ModuleList([linear, nn.Sequential(linear, nn.BatchNorm1d(3))]))
    assert tracer.paths[id(linear.weight)] == ["0.weight", "1.0.weight"]
    names = {paths[0] for paths in tracer.paths.values()}
    assert {"1.1.weight", "1.1.running_mean"} <= names


def test_what_is_made_of_parameters_remembers_them_until_inputs_come_in() -> None:
    holder, x = Holder(), torch.randn(2, 8)
    tracer = Tracer(holder)
    with torch.no_grad(), tracer:
        made = holder.b * holder.buffer
        met = x * made
    sources = {id(holder.b), id(holder.buffer)}
    assert (tracer.tag(made).active, tracer.tag(made).sources) == (False, sources)
    assert (tracer.tag(met).active, tracer.tag(met).sources) == (True, frozenset())


def test_what_was_seen_stays_alive_so_that_ids_stay_unique() -> None:
    tracer = Tracer(Holder())
    with tracer:
        made = torch.zeros(3)
    reference = weakref.ref(made)
    del made
    gc.collect()
    assert reference() is not None


def test_a_buffer_that_is_written_stays_that_buffer() -> None:
    tracer, holder = traced(lambda h, x: h.buffer.add_(x.sum()))
    assert tracer.tags[id(holder.buffer)].sources == {id(holder.buffer)}


# What a parameter does with units.


STRONGEST = {
    "w": [Side.ROWS, Side.COLUMNS, Side.UNIT],
    "b": [Side.UNIT, Side.ROWS, Side.COLUMNS],
}
"""What a weight does before all, and what a vector does."""


@pytest.mark.parametrize("second", STRONGEST["w"])
@pytest.mark.parametrize("first", STRONGEST["w"])
@pytest.mark.parametrize("name", STRONGEST)
def test_weights_make_before_they_read_and_vectors_scale_before_both(
    name: str, first: Side, second: Side
) -> None:
    holder = Holder()
    tracer = Tracer(holder)
    place = id(getattr(holder, name)), 0
    tracer.hold(*place, first)
    tracer.hold(*place, second)
    assert tracer.sides[place] is min(first, second, key=STRONGEST[name].index)
    both = {first, second} == {Side.ROWS, Side.COLUMNS}
    assert tracer.two_sided == ({place} if both else set())
    doubled = first is not second and not both
    assert tracer.doubled == ({place} if doubled else set())


def test_a_transposed_parameter_is_held_along_its_own_axis() -> None:
    tracer, holder = traced(lambda h, x: (x @ h.w) @ h.v.t().mT.transpose(0, 1))
    key = id(holder.v)
    assert tracer.sides[key, 1] is Side.COLUMNS
    assert tracer.sides[key, 0] is Side.ROWS
    assert tracer.tags[key].view == (key, (0, 1))


def test_what_a_computed_weight_does_its_sources_do() -> None:
    tracer, holder = traced(lambda h, x: x @ (h.w * h.b))
    assert tracer.sides[id(holder.w), 1] is Side.ROWS
    assert tracer.sides[id(holder.w), 0] is Side.COLUMNS
    assert tracer.sides[id(holder.b), 0] is Side.ROWS


def test_a_parameter_is_born_when_it_first_makes_units() -> None:
    tracer, holder = traced(lambda h, x: ((x @ h.w) @ h.v) @ h.v)
    assert 0 < tracer.born[id(holder.w)] < tracer.born[id(holder.v)] < tracer.calls


@pytest.mark.parametrize(
    ("function", "shifts"),
    [
        (lambda h, x: x @ h.w + h.b, True),
        (lambda h, x: x @ h.w - h.b, True),
        (lambda h, x: x @ h.w * h.b, False),
        (lambda h, x: x @ h.w + h.b * 2, False),  # It has no place of its own.
    ],
)
def test_a_parameter_beside_activations_belongs_to_units(
    function: Any, shifts: bool
) -> None:
    tracer, holder = traced(function)
    assert tracer.sides[id(holder.b), 0] is Side.UNIT
    assert tracer.shifts == ({(id(holder.b), 0)} if shifts else set())


def test_parameters_beside_each_other_say_nothing_yet() -> None:
    tracer, holder = traced(lambda h, x: h.b + h.buffer)
    assert tracer.sides == {}
    assert resolve(tracer.axes(holder.b)[0]) == resolve(tracer.axes(holder.buffer)[0])


# What a product sums over.


@pytest.mark.parametrize("axis", [0, 1])
def test_activations_arrive_at_the_axis_that_reads_them(axis: int) -> None:
    tracer, holder = traced(lambda h, x: (x @ h.w).tanh() @ (h.v.T if axis else h.v))
    expected = Arrival(id(holder.v), None, axis, -1, exact=True)
    assert tracer.arrivals[1:] == [expected]
    made = resolve(tracer.axes(holder.w)[1])
    assert made == resolve(tracer.axes(holder.v)[axis])


@pytest.mark.parametrize(
    ("function", "name", "axis"),
    [
        (lambda h, x: (x @ h.w) @ (x @ h.w).T, "w", 1),
        (lambda h, x: (h.w @ h.v) * x.sum(), "v", 0),
        (lambda h, x: torch.zeros(2, 3) @ h.w, "w", 0),
    ],
    ids=["two-activations", "two-weights", "a-constant"],
)
def test_what_is_summed_over_is_fixed_unless_activations_meet_a_weight(
    function: Any, name: str, axis: int
) -> None:
    tracer, holder = traced(function)
    assert why(tracer, getattr(holder, name), axis) == "matmul of two activations"
    assert all(a.weight == id(holder.w) for a in tracer.arrivals)


# What calls do that are no operation.

NOTHING: dict[str, Function] = {
    "shape": lambda h: h.shape,
    "size": lambda h: h.size(1),
    "dim": lambda h: h.dim(),
    "len": len,
    "dtype": lambda h: h.dtype,
    "numel": lambda h: h.numel(),
    "grad": lambda h: h.grad,
    "set": lambda h: setattr(h, "grad", None),
    "one-value": lambda h: h.sum().item(),
    "condition": lambda h: bool((h > 0).all()),
    "comparison": lambda h: torch.equal(h, h),
}
TAKING: dict[str, tuple[Function, str]] = {
    "list": (lambda h: h.tolist(), "tolist takes values out of torch"),
    "numpy": (lambda h: h.numpy(), "numpy takes values out of torch"),
    "single": (lambda h: h[:1, :1].item(), "item takes values out of torch"),
    "write": (lambda h: h.__setitem__(0, 1.0), "no rule for setitem"),
    "unknown": (lambda h: h.sort(1), "no rule for sort"),
    "of-a-list": (lambda h: torch.einsum("...,...->...", [h, h]), "no rule for einsum"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_questions_about_a_tensor_leave_its_units_free(name: str) -> None:
    tracer, holder = traced(lambda h, x: NOTHING[name](x @ h.w))
    assert why(tracer, holder.w) is None


@pytest.mark.parametrize("name", TAKING)
def test_units_whose_values_get_lost_are_fixed(name: str) -> None:
    function, reason = TAKING[name]
    tracer, holder = traced(lambda h, x: function(x @ h.w))
    assert why(tracer, holder.w) == reason


def test_what_comes_of_an_unknown_operation_is_opaque() -> None:
    holder, x = Holder(), torch.randn(2, 8)
    tracer = Tracer(holder)
    with torch.no_grad(), tracer:
        out = (x * holder.b).sort(1)[0]
        made = torch.tensor([1.0, 2.0])
    assert tracer.tag(out).active
    assert why(tracer, out) == "no rule for sort"
    assert (tracer.tag(made).active, why(tracer, made)) == (False, "no rule for tensor")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda *_, **__: False, "no rule for relu_like"),
        (lambda *_, **__: 1 / 0, "relu_like: ZeroDivisionError division by zero"),
        (lambda tracer, out, h: tracer.like(out, [], h), "relu_like: AssertionError"),
    ],
)
def test_a_rule_that_does_not_fit_fixes_units(
    monkeypatch: pytest.MonkeyPatch, answer: Any, reason: str
) -> None:
    monkeypatch.setitem(RULES, "relu_like", answer)

    def call(h: torch.Tensor) -> torch.Tensor:
        return torch.overrides.handle_torch_function(relu_like, [h], h)

    def relu_like(h: torch.Tensor) -> torch.Tensor:
        return h.relu()

    tracer, holder = traced(lambda h, x: call(x @ h.w))
    assert str(why(tracer, holder.w)).startswith(reason)


def test_what_is_made_of_sizes_has_free_axes() -> None:
    tracer = Tracer(Holder())
    with tracer:
        made, like = torch.zeros(2, 8), torch.full((2, 8), torch.tensor(1.0))
    assert all(map(is_free, tracer.axes(made)))
    assert not any(map(is_held, tracer.axes(made)))
    assert not tracer.tag(made).active
    assert why(tracer, like) == "no rule for full"


# What counts as used.


@pytest.mark.parametrize(
    ("function", "used"),
    [
        (lambda h, x: h.b.detach(), False),
        (lambda h, x: h.b.data, False),
        (lambda h, x: h.b.clone(), False),
        (lambda h, x: h.b.requires_grad_(False), False),
        (lambda h, x: h.b.shape, False),
        (lambda h, x: h.b.size(), False),
        (lambda h, x: h.b + 1, True),
        (lambda h, x: h.b.detach().clone() * 2, True),
        (lambda h, x: h.b.tolist(), True),
    ],
)
def test_a_parameter_is_seen_once_its_values_are_used(
    function: Any, used: bool
) -> None:
    tracer, holder = traced(function)
    assert tracer.seen == ({id(holder.b)} if used else set())


def test_calls_return_what_they_would() -> None:
    holder, x = Holder(), torch.randn(2, 3)
    with torch.no_grad():
        plain = (x @ holder.w + holder.b) * x.sum()
        with Tracer(holder):
            watched = (x @ holder.w + holder.b) * x.sum()
    assert torch.equal(plain, watched)
