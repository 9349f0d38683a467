"""Rules of operations that move, join and split axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sb3_prune.surgery.flow.axes import (
    Axis,
    fix,
    fix_held,
    free,
    is_free,
    is_held,
    opaque,
    resolve,
    unify,
)
from sb3_prune.surgery.flow.rules.table import place, places, rule

if TYPE_CHECKING:
    from sb3_prune.surgery.flow.tracer import Tracer


@rule("flatten", "reshape", "reshape_as", "unflatten", "view", "view_as")
def _reshape(tracer: Tracer, out: Tensor, input: Tensor, *a: Any, **_: Any) -> None:
    if a and isinstance(a[0], torch.dtype):
        tracer.elementwise([input], [out], "view")
        return
    new = regroup(tracer.axes(input), list(input.shape), list(out.shape))
    tracer.like(out, new, input)


def regroup(axes: list[Axis], old: list[int], new: list[int]) -> list[Axis]:
    """Return the axes after a reshape.

    Old and new axes are matched in the smallest groups with equal products of lengths.

    Args:
        axes: The axes before the reshape.
        old: Lengths of the axes before.
        new: Lengths of the axes after.
    """
    if 0 in old:
        return [opaque(n, "empty") for n in new]
    if old == new:
        return axes
    # Axes of length one are left out and put back, unless they are a layer of one unit.
    before = [(a, n) for a, n in zip(axes, old, strict=True) if n != 1 or is_held(a)]
    after = [n for n in new if n != 1]
    found: list[Axis] = []
    while len(found) < len(after):
        take, give = 1, 1
        p, q = before[0][1], after[len(found)]
        while p != q:
            if p < q:
                p *= before[take][1]
                take += 1
            else:
                q *= after[len(found) + give]
                give += 1
        sizes = after[len(found) : len(found) + give]
        found += _regroup(before[:take], sizes)
        del before[:take]
    for axis, _ in before:
        fix_held(axis, "reshape drops an axis of one unit")
    rest = iter(found)
    return [free(1) if n == 1 else next(rest) for n in new]


def _regroup(old: list[tuple[Axis, int]], new: list[int]) -> list[Axis]:
    if len(old) == len(new) == 1:
        return [old[0][0]]
    if len(new) == 1:
        return [_merge([axis for axis, _ in old], [n for _, n in old])]
    if len(old) == 1:
        return _unmerge(old[0][0], new)
    for axis, _ in old:
        fix(axis, "reshape joins and splits several axes")
    return [opaque(n, "reshape") for n in new]


def _merge(axes: list[Axis], sizes: list[int]) -> Axis:
    """Return several axes flattened to one; at most one may hold units."""
    holding = [i for i, axis in enumerate(axes) if is_free(axis)]
    if len(holding) != 1:
        for axis in axes:
            fix(axis, "flatten joins several axes of units")
        return opaque(math.prod(sizes), "flatten")
    i = holding[0]
    inner, outer = math.prod(sizes[i + 1 :]), math.prod(sizes[:i])
    return [(units, block * inner) for units, block in resolve(axes[i])] * outer


def _unmerge(axis: Axis, sizes: list[int]) -> list[Axis]:
    """Return one axis split into several."""
    segments = resolve(axis)
    inner = math.prod(sizes[1:])
    if not is_free(axis):
        return [opaque(n, "reshape") for n in sizes]
    if all(block % inner == 0 for _, block in segments):
        units = [(units, block // inner) for units, block in segments]
        return [units, *(opaque(n, "a position") for n in sizes[1:])]
    pair = 2
    if len(sizes) == pair and len(segments) % sizes[0] == 0:
        count = len(segments) // sizes[0]
        if segments == segments[:count] * sizes[0]:  # The same units, again and again.
            return [opaque(sizes[0], "repeated"), segments[:count]]
    fix(axis, "reshape splits the units")
    return [opaque(n, "reshape") for n in sizes]


def _moved(tracer: Tracer, out: Tensor, input: Tensor, order: list[int]) -> None:
    """Record axes in a new order; a transposed parameter still is that parameter."""
    tag = tracer.tag(input)
    tracer.like(out, [tag.axes[i] for i in order], input)
    if tag.view is not None and id(out) not in tracer.tensors:
        key, old = tag.view
        tracer.tags[id(out)].view = (key, tuple(old[i] for i in order))


@rule("detach", "data")
def _detach(tracer: Tracer, out: Tensor, input: Tensor) -> None:
    _moved(tracer, out, input, list(range(input.ndim)))


@rule("t", "T", "H")
def _transpose_all(tracer: Tracer, out: Tensor, input: Tensor) -> None:
    _moved(tracer, out, input, list(reversed(range(input.ndim))))


@rule("mT", "mH", "adjoint")
def _transpose_last(tracer: Tracer, out: Tensor, input: Tensor) -> None:
    order = list(range(input.ndim))
    order[-2:] = reversed(order[-2:])
    _moved(tracer, out, input, order)


@rule("transpose", "swapaxes", "swapdims")
def _transpose(
    tracer: Tracer, out: Tensor, input: Tensor, dim0: int, dim1: int
) -> None:
    order = list(range(input.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    _moved(tracer, out, input, order)


@rule("permute")
def _permute(tracer: Tracer, out: Tensor, input: Tensor, *a: Any, **k: Any) -> None:
    order = k.get("dims", a[0] if a and not isinstance(a[0], int) else a)
    _moved(tracer, out, input, places(input, tuple(order)))


@rule("movedim", "moveaxis")
def _movedim(
    tracer: Tracer, out: Tensor, input: Tensor, source: Any, destination: Any
) -> None:
    moved = dict(zip(places(input, destination), places(input, source), strict=True))
    rest = iter(i for i in range(input.ndim) if i not in moved.values())
    order = [moved[i] if i in moved else next(rest) for i in range(input.ndim)]
    _moved(tracer, out, input, order)


@rule("unsqueeze")
def _unsqueeze(tracer: Tracer, out: Tensor, input: Tensor, dim: int) -> None:
    axes = list(tracer.axes(input))
    axes.insert(dim % (input.ndim + 1), free(1))
    tracer.like(out, axes, input)


@rule("squeeze")
def _squeeze(tracer: Tracer, out: Tensor, input: Tensor, dim: Any = None) -> None:
    over = range(input.ndim) if dim is None else places(input, dim)
    gone = [i for i in over if input.shape[i] == 1]
    for i in gone:
        fix_held(tracer.axes(input)[i], "squeeze drops an axis of one unit")
    axes = [axis for i, axis in enumerate(tracer.axes(input)) if i not in gone]
    tracer.like(out, axes, input)


@rule("expand", "broadcast_to")
def _expand(tracer: Tracer, out: Tensor, input: Tensor, *_: Any, **__: Any) -> None:
    more = out.ndim - input.ndim
    new = [free(n) for n in out.shape]
    for i, axis in enumerate(tracer.axes(input)):
        if input.shape[i] == out.shape[i + more]:
            new[i + more] = axis
        else:
            fix_held(axis, "expand repeats one unit")
    tracer.like(out, new, input)


@rule("repeat", "tile")
def _repeat(tracer: Tracer, out: Tensor, input: Tensor, *_: Any, **__: Any) -> None:
    axes = [free(1)] * (out.ndim - input.ndim) + tracer.axes(input)
    sizes = [1] * (out.ndim - input.ndim) + list(input.shape)
    times = [n // max(size, 1) for n, size in zip(out.shape, sizes, strict=True)]
    new = [resolve(axis) * n for axis, n in zip(axes, times, strict=True)]
    tracer.like(out, new, input)


@rule("cat", "concat", "concatenate")
def _cat(tracer: Tracer, out: Tensor, tensors: Any, dim: int = 0, **k: Any) -> None:
    parts = [t for t in tensors if t.numel()]
    along = place(out, k.get("axis", dim))
    first = tracer.axes(parts[0])
    axes = []
    for i in range(out.ndim):
        if i == along:
            axes.append([segment for t in parts for segment in tracer.axes(t)[i]])
            continue
        for tensor in parts[1:]:
            unify(first[i], tracer.axes(tensor)[i], "cat")
        axes.append(first[i])
    tracer.like(out, axes, *parts)


@rule("hstack")
def _hstack(tracer: Tracer, out: Tensor, tensors: Any, **_: Any) -> None:
    _cat(tracer, out, tensors, min(1, out.ndim - 1))


@rule("stack")
def _stack(tracer: Tracer, out: Tensor, tensors: Any, dim: int = 0, **_: Any) -> None:
    axes = list(tracer.axes(tensors[0]))
    for tensor in tensors[1:]:
        for mine, other in zip(axes, tracer.axes(tensor), strict=True):
            unify(mine, other, "stack")
    axes.insert(dim % out.ndim, opaque(len(tensors), "stack"))
    tracer.like(out, axes, *tensors)
