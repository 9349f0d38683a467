"""Rules of products with weights, which make units and read units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sb3_prune.surgery.flow.axes import Axis, fix, free, opaque, unify
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.rules.table import RULES, rule
from sb3_prune.surgery.flow.slots import Side

if TYPE_CHECKING:
    from sb3_prune.surgery.flow.tracer import Tracer

MATRIX = 2


def _add_bias(tracer: Tracer, bias: Tensor | None, rows: Axis) -> None:
    if bias is not None:
        unify(tracer.axes(bias)[0], rows, "bias")
        tracer.holds(bias, 0, Side.ROWS)


@rule("linear")
def _linear(
    tracer: Tracer, out: Tensor, input: Tensor, weight: Tensor, bias: Any = None
) -> bool:
    if weight.ndim != MATRIX:
        return False
    tracer.contract(input, -1, weight, 1, "linear", bias)
    rows = tracer.axes(weight)[0]
    tracer.holds(weight, 0, Side.ROWS)
    _add_bias(tracer, bias, rows)
    tracer.put(out, [*tracer.axes(input)[:-1], rows], True)
    return True


@rule("matmul", "mm", "bmm", "mv", "dot")
def _matmul(tracer: Tracer, out: Tensor, a: Tensor, b: Tensor, **_: Any) -> None:
    left, right = tracer.axes(a), tracer.axes(b)
    active = tracer.tag(a).active or tracer.tag(b).active
    tracer.contract(a, -1, b, -2 if b.ndim > 1 else -1, "matmul")
    for tensor, axis in ((a, a.ndim - 2), (b, b.ndim - 1)):
        if active and not tracer.tag(tensor).active and tensor.ndim >= MATRIX:
            tracer.holds(tensor, axis, Side.ROWS)
    last = [*(left[-2:-1] if a.ndim > 1 else []), *(right[-1:] if b.ndim > 1 else [])]
    axes = [
        _batch(tracer, out, i, len(last), a, b) for i in range(out.ndim - len(last))
    ]
    tracer.like(out, [*axes, *last], a, b)


def _batch(
    tracer: Tracer, out: Tensor, axis: int, last: int, a: Tensor, b: Tensor
) -> Axis:
    """Return a batch axis of a product; unify it in both factors."""
    back = axis - (out.ndim - last) - 2
    same = [
        tracer.axes(t)[back]
        for t in (a, b)
        if t.ndim >= -back and t.shape[back] == out.shape[axis]
    ]
    for other in same[1:]:
        unify(same[0], other, "matmul")
    return same[0] if same else free(out.shape[axis])


@rule("rmatmul")
def _rmatmul(tracer: Tracer, out: Tensor, a: Tensor, b: Tensor) -> None:
    RULES["matmul"](tracer, out, b, a)


@rule("addmm")
def _addmm(
    tracer: Tracer, out: Tensor, added: Tensor, a: Tensor, b: Tensor, **scales: Any
) -> None:
    met = len(tracer.arrivals)
    RULES["matmul"](tracer, out, a, b)
    if any(scale != 1 for scale in scales.values()):
        tracer.unfoldable(tracer.axes(a)[-1], "addmm scales what it adds")
    if id(added) not in tracer.tensors:
        tracer.elementwise([added, out], [out], "addmm")
        return
    unify(tracer.axes(added)[-1], tracer.axes(out)[-1], "addmm")
    tracer.holds(added, -1, Side.ROWS)
    for i in range(met, len(tracer.arrivals)):
        tracer.add_bias(i, added)


@rule("conv1d", "conv2d", "conv3d")
def _conv(
    tracer: Tracer,
    out: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> None:
    del stride, dilation  # They only change the number of positions.
    channel = input.ndim - (weight.ndim - 1)
    x, rows = tracer.axes(input), tracer.axes(weight)[0]
    if groups == 1:
        exact = not _pads(padding)
        tracer.contract(input, channel, weight, 1, "conv", bias, exact)
        tracer.holds(weight, 0, Side.ROWS)
    else:
        why = "grouped conv remembers its groups"
        for axis in (x[channel], rows):
            fix(axis, why)
    for axis in x[channel + 1 :]:
        fix(axis, "conv slides along this axis")
    _add_bias(tracer, bias, rows)
    space = [opaque(n, "a position") for n in out.shape[channel + 1 :]]
    tracer.put(out, [*x[:channel], rows, *space], True)


def _pads(padding: Any) -> bool:
    if isinstance(padding, str):
        return padding != "valid"
    return any(torch.as_tensor(padding).flatten().tolist())


@rule("embedding")
def _embedding(
    tracer: Tracer, out: Tensor, input: Tensor, weight: Tensor, *_: Any, **__: Any
) -> None:
    rows, units = tracer.axes(weight)
    fix(rows, "embedding looks its rows up")
    tracer.holds(weight, 1, Side.ROWS)
    tracer.put(out, [*tracer.axes(input), units], True)


@rule("baddbmm")
def _baddbmm(
    tracer: Tracer, out: Tensor, added: Tensor, a: Tensor, b: Tensor, **_: Any
) -> None:
    RULES["matmul"](tracer, out, a, b)
    tracer.unfoldable(tracer.axes(a)[-1], "baddbmm adds a bias for each matrix")
    axes = tracer.axes(out)
    for axis in range(-added.ndim, 0):
        if added.shape[axis] == out.shape[axis]:
            unify(tracer.axes(added)[axis], axes[axis], "baddbmm")
    if not tracer.tag(added).active:
        tracer.holds(added, -1, Side.ROWS)
    tracer.put(out, axes, True)


@rule("outer", "ger")
def _outer(tracer: Tracer, out: Tensor, a: Tensor, b: Tensor) -> bool:
    if tracer.tag(a).active or tracer.tag(b).active:
        return False
    tracer.like(out, [tracer.axes(a)[0], tracer.axes(b)[0]], a, b)
    return True


@rule("einsum")
def _einsum(tracer: Tracer, out: Tensor, equation: Any, *given: Any) -> bool:
    tensors = list(leaves(given))
    terms, kept = _terms(equation) if isinstance(equation, str) else ([], "")
    if [len(term) for term in terms] != [t.ndim for t in tensors]:
        return False
    found: dict[str, Axis] = {}
    for letter in dict.fromkeys("".join(terms)):
        at = [
            (t, term.index(letter))
            for t, term in zip(tensors, terms, strict=True)
            if letter in term
        ]
        found[letter] = tracer.axes(at[0][0])[at[0][1]]
        for tensor, axis in at[1:]:
            unify(found[letter], tracer.axes(tensor)[axis], "einsum")
        if letter not in kept:
            _sum_over(tracer, found[letter], at)
        elif len(at) > 1:
            _scale(tracer, at)
    _make(tracer, tensors, terms, kept)
    tracer.like(out, [found[letter] for letter in kept], *tensors)
    return True


def _terms(equation: str) -> tuple[list[str], str]:
    """Return the letters of every factor and of the result; none if it is special."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in equation or any(len(set(term)) < len(term) for term in terms):
        return [], ""
    once = sorted(letter for letter in set(left) - {","} if left.count(letter) == 1)
    return terms, right if arrow else "".join(once)


At = list[tuple[Tensor, int]]
"""Factors of a product, each with an axis."""


def _sum_over(tracer: Tracer, axis: Axis, at: At) -> None:
    """Record that a product sums over an axis of some factors."""
    weights = [(t, i) for t, i in at if not tracer.tag(t).active]
    if len(at) == 1:
        tracer.mix(axis, "a reduction")
    elif len(at) - len(weights) != 1:
        fix(axis, "einsum of two activations, or of two weights")
    else:
        tracer.unfoldable(axis, "einsum reads them")
        for tensor, place in weights:
            alone = len(weights) == 1
            tracer.holds(tensor, place, Side.COLUMNS, alone=alone)


def _scale(tracer: Tracer, at: At) -> None:
    for tensor, place in at:
        if not tracer.tag(tensor).active and any(tracer.tag(t).active for t, _ in at):
            tracer.holds(tensor, place, Side.UNIT)


def _make(tracer: Tracer, tensors: list[Tensor], terms: list[str], kept: str) -> None:
    """Record that each weight makes units along its last axis that only it has."""
    if not any(tracer.tag(tensor).active for tensor in tensors):
        return
    for tensor, term in zip(tensors, terms, strict=True):
        own = [c for c in kept if c in term and "".join(terms).count(c) == 1]
        if own and not tracer.tag(tensor).active:
            tracer.holds(tensor, term.index(own[-1]), Side.ROWS)
