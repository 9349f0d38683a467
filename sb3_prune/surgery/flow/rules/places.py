"""Rules of operations that take a part of an axis by literal indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from sb3_prune.surgery.flow.axes import Axis, fix, free, length, part, unify
from sb3_prune.surgery.flow.rules.table import place, rule

if TYPE_CHECKING:
    from sb3_prune.surgery.flow.tracer import Tracer


@rule(
    "chunk", "split", "split_with_sizes", "tensor_split", "unsafe_chunk", "unsafe_split"
)
def _split(tracer: Tracer, out: Any, input: Tensor, *a: Any, **k: Any) -> None:
    along = place(input, k.get("dim", a[1] if len(a) > 1 else 0))
    axes, at = tracer.axes(input), 0
    for tensor in out:
        end = at + tensor.shape[along]
        new = [
            part(axis, at, end, "split") if i == along else axis
            for i, axis in enumerate(axes)
        ]
        tracer.like(tensor, new, input)
        at = end


@rule("glu")
def _glu(tracer: Tracer, out: Tensor, input: Tensor, dim: int = -1) -> None:
    axes, along = list(tracer.axes(input)), place(input, dim)
    half = input.shape[along] // 2
    first = part(axes[along], 0, half, "glu")
    unify(first, part(axes[along], half, 2 * half, "glu"), "glu")
    axes[along] = first
    tracer.like(out, axes, input)


@rule("unbind")
def _unbind(tracer: Tracer, out: Any, input: Tensor, dim: int = 0) -> None:
    along = place(input, dim)
    fix(tracer.axes(input)[along], "unbind takes its units apart")
    for tensor in out:
        tracer.like(tensor, _without(tracer.axes(input), along), input)


@rule("narrow")
def _narrow(
    tracer: Tracer, out: Tensor, input: Tensor, dim: int, start: Any, length: int
) -> None:
    axes = list(tracer.axes(input))
    along = place(input, dim)
    begin = int(start) % input.shape[along]
    axes[along] = part(axes[along], begin, begin + length, "a slice")
    tracer.like(out, axes, input)


@rule("select")
def _select(tracer: Tracer, out: Tensor, input: Tensor, dim: int, index: Any) -> None:
    del index  # Every index is literal.
    along = place(input, dim)
    fix(tracer.axes(input)[along], "select takes one place")
    tracer.like(out, _without(tracer.axes(input), along), input)


def _without(axes: list[Axis], along: int) -> list[Axis]:
    return [axis for i, axis in enumerate(axes) if i != along]


@rule("getitem")
def _getitem(tracer: Tracer, out: Tensor, input: Tensor, index: Any) -> bool:
    places = index if isinstance(index, tuple) else (index,)
    if not all(map(_is_plain, places)):
        return False
    used = sum(i is not None and i is not Ellipsis for i in places)
    if Ellipsis not in places:
        places = (*places, Ellipsis)
    axes, new, at = tracer.axes(input), [], 0
    for i in places:
        count = input.ndim - used if i is Ellipsis else int(i is not None)
        new += _taken(axes[at : at + count], i)
        at += count
    tracer.like(out, new, input)
    return True


def _is_plain(index: Any) -> bool:
    if isinstance(index, slice):
        return index.step in (None, 1)
    is_number = isinstance(index, int | np.integer) and not isinstance(index, bool)
    return index is None or index is Ellipsis or is_number


def _taken(axes: list[Axis], index: Any) -> list[Axis]:
    """Return the axes that are left when one entry of an index is applied to axes."""
    if index is None:
        return [free(1)]
    if index is Ellipsis:
        return axes
    if isinstance(index, slice):
        start, stop, _ = index.indices(length(axes[0]))
        return [part(axes[0], start, max(start, stop), "a slice")]
    fix(axes[0], "an index takes one place")
    return []
