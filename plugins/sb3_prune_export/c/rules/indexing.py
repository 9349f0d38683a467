"""Operations that choose, join and surround numbers."""

from __future__ import annotations

from typing import Any

from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.axes import split
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.copying import copy_into
from sb3_prune_export.c.numbers import literal
from sb3_prune_export.c.pointwise import Tensor
from sb3_prune_export.c.rules.table import rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import View


@rule("cat")
def cat(lowering: Lowering, node: Node, values: list[Tensor], axis: int = 0) -> View:
    """Write tensors beside each other."""
    result = lowering.new(graph.fake(node).shape, graph.fake(node).dtype)
    block = lowering.block(node)
    start = 0
    for value in values:
        part = lowering.view(value)
        if not part.meta.numel():
            continue
        size = part.shape[axis]
        place = result.of(result.meta.narrow(axis, start, size))
        copy_into(block, part, place)
        start += size
    return result


@rule("constant_pad_nd")
def pad(
    lowering: Lowering, node: Node, value: View, widths: list[int], filler: float = 0
) -> View:
    """Surround a tensor with a number; negative widths cut from it.

    Two blocks, since in one no two pointers may write to the same numbers.
    """
    result = lowering.new(graph.fake(node).shape, graph.fake(node).dtype)
    block = lowering.block(node)
    y = block.write(result)
    inner, source = result.meta, value.meta
    with block.full_nest(("i",), (result.buffer.size,)):
        block.line(f"{y}[i] = {literal(filler, result.buffer.number)};")
    for place in range(len(widths) // 2):
        axis = source.ndim - 1 - place
        before, after = widths[2 * place : 2 * place + 2]
        cut, end = max(-before, 0), source.shape[axis] - max(-after, 0)
        source = source.narrow(axis, cut, end - cut)
        inner = inner.narrow(axis, max(before, 0), end - cut)
    copy_into(lowering.block(node), value.of(source), result.of(inner))
    return result


@rule("embedding")
def embedding(
    lowering: Lowering, node: Node, table: Any, places: View, *_: Any
) -> View:
    """Look up rows of a table; a place outside of it becomes the nearest one in it."""
    return _rows(lowering, node, lowering.view(table), places, 0)


@rule("index_select")
def index_select(
    lowering: Lowering, node: Node, value: Tensor, axis: int, places: Tensor
) -> View:
    """Choose along an axis."""
    view = lowering.view(value)
    chosen = lowering.view(places)
    return _rows(lowering, node, view, chosen, axis)


def _rows(lowering: Lowering, node: Node, table: View, places: View, axis: int) -> View:
    """Write the loops that look up entries of an axis, in the places' shape."""
    axis %= len(table.shape)
    result = lowering.new(graph.fake(node).shape, graph.fake(node).dtype)
    rank = len(places.shape)
    block = lowering.block(node)
    x, n, y = block.read(table), block.read(places), block.write(result)
    every = split(result, None)[1]
    row, source = [], [f"{table.strides[axis]} * at"]
    for name, number in zip(every.variables, every.numbers, strict=True):
        if axis <= number < axis + rank:
            row.append(f"{places.strides[number - axis]} * {name}")
        else:
            own = number if number < axis else number - rank + 1
            source.append(f"{table.strides[own]} * {name}")
    with block.full_nest(every.variables, every.sizes):
        _clamped(block, f"{n}[{' + '.join(row) or '0'}]", table.shape[axis])
        block.line(f"{y}[{every.place(result)}] = {x}[{' + '.join(source)}];")
    return result


def _clamped(block: Block, place: str, size: int) -> None:
    """Write a place that lies inside a table, whatever was given."""
    block.line(f"const long long given = {place};")
    last = f"(given > {size - 1} ? {size - 1} : given)"
    block.line(f"const int at = (int)(given < 0 ? 0 : {last});")


@rule("gather")
def gather(
    lowering: Lowering,
    node: Node,
    value: Tensor,
    axis: int,
    places: Tensor,
    **options: Any,
) -> View:
    """Choose a number along an axis for each place of another tensor."""
    del options  # Only gradients depend on them.
    table = lowering.view(value)
    chosen = lowering.view(places)
    axis %= max(len(table.shape), 1)
    result = lowering.new(graph.fake(node).shape, graph.fake(node).dtype)
    block = lowering.block(node)
    x, n, y = block.read(table), block.read(chosen), block.write(result)
    walked = split(result, None)[1]
    with block.full_nest(walked.variables, walked.sizes):
        _clamped(block, f"{n}[{walked.place(chosen)}]", table.shape[axis])
        terms = [
            f"{table.strides[number]} * {name}"
            for name, number in zip(walked.variables, walked.numbers, strict=True)
            if number != axis
        ]
        source = " + ".join([*terms, f"{table.strides[axis]} * at"])
        block.line(f"{y}[{walked.place(result)}] = {x}[{source}];")
    return result
