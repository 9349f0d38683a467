"""Operations that make one number of many: sums, means, extremes and their places."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.axes import Axes, place, split
from sb3_prune_export.c.rules.table import RULES, rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import View, row_major

FOLDS = {
    "sum": ("0", "sum += v;"),
    "mean": ("0", "sum += v;"),
    "prod": ("1", "sum *= v;"),
    "any": ("0", "if (v != 0) sum = 1;"),
    "all": ("1", "if (v == 0) sum = 0;"),
    "amax": ("{first}", "if (v > sum || v != v) sum = v;"),
    "amin": ("{first}", "if (v < sum || v != v) sum = v;"),
}
"""Operation -> where it begins, and what each number v does; NaN stays NaN."""


def _fold(name: str) -> Callable[..., View]:
    def lower(
        lowering: Lowering,
        node: Node,
        value: View,
        axes: Any = None,
        keep: bool = False,
        *,
        dtype: Any = None,
    ) -> View:
        del keep, dtype  # The node knows its shape and type.
        if name == "prod" and isinstance(axes, bool):
            raise lowering.refuse(node, "no rule for these arguments")
        return fold(lowering, node, value, axes, name)

    return lower


def fold(lowering: Lowering, node: Node, value: View, axes: Any, name: str) -> View:
    """Write a loop that folds axes of a tensor into one number."""
    result = graph.fake(node)
    kept = lowering.new(result.shape, result.dtype)
    outer, inner = split(value, axes)
    source, target = kept.buffer.number.name, _aligned(outer)
    start, action = FOLDS[name]
    block = lowering.block(node)
    x, y = block.read(value), block.write(kept)
    kind = value.buffer.number.name if name in ("any", "all") else source
    with block.full_nest(outer.variables, outer.sizes):
        first = f"{x}[{outer.place(value)}]"
        block.line(f"{source} sum = {start.format(first=first)};")
        with block.full_nest(inner.variables, inner.sizes):
            at = f"{outer.place(value)} + {inner.place(value)}"
            cast = "" if kind == value.buffer.number.name else f"({kind})"
            block.line(f"const {kind} v = {cast}{x}[{at}];")
            block.line(action if value.buffer.number.floating else _whole(action))
        count = math.prod(inner.sizes)
        division = f" / {count}" if name == "mean" else ""
        block.line(f"{y}[{target}] = sum{division};")
    return kept


@rule("var")
def variance(
    lowering: Lowering,
    node: Node,
    value: View,
    axes: Any = None,
    *,
    correction: float = 1,
    keepdim: bool = False,
) -> View:
    """Write the variance over axes: of n numbers, by n minus a correction."""
    del keepdim  # The node knows its shape.
    kept = lowering.new(graph.fake(node).shape, graph.fake(node).dtype)
    outer, inner = split(value, axes)
    count, name = math.prod(inner.sizes), kept.buffer.number.name
    block = lowering.block(node)
    x, y = block.read(value), block.write(kept)
    v = f"{x}[{outer.place(value)} + {inner.place(value)}]"
    with block.full_nest(outer.variables, outer.sizes):
        block.line(f"{name} mean = 0, sum = 0;")
        with block.full_nest(inner.variables, inner.sizes):
            block.line(f"mean += {v} / {count};")
        with block.full_nest(inner.variables, inner.sizes):
            block.line(f"sum += ({v} - mean) * ({v} - mean);")
        block.line(f"{y}[{_aligned(outer)}] = sum / {max(count - correction, 0)};")
    return kept


def _aligned(outer: Axes) -> str:
    """Return the index of a result without gaps in loops over the axes that stay."""
    return place(outer.variables, outer.sizes, row_major(outer.sizes))


def _whole(line: str) -> str:
    """Return a line without its test for NaN, of which compilers warn."""
    return line.replace(" || (v != v && best == best)", "").replace(" || v != v", "")


@rule("argmax", "argmin")
def argument(
    lowering: Lowering,
    node: Node,
    value: View,
    axis: int | None = None,
    keep: bool = False,
) -> View:
    """Write a loop that finds the place of the largest number: the first, or NaN's."""
    del keep
    if axis is None and len([n for n in value.shape if n != 1]) > 1:
        raise lowering.refuse(node, "no rule for the place in a table")
    return _extreme(lowering, node, value, axis, graph.name_of(node) == "argmax")[1]


@rule("max", "min")
def extreme(
    lowering: Lowering, node: Node, value: View, axis: Any = None, keep: bool = False
) -> Any:
    """Write the largest numbers along an axis and their places."""
    name = graph.name_of(node)
    if axis is None:
        return fold(lowering, node, value, None, f"a{name}")
    del keep
    return _extreme(lowering, node, value, axis, name == "max")


def _extreme(
    lowering: Lowering, node: Node, value: View, axis: int | None, largest: bool
) -> tuple[View, View]:
    shape = graph.first(node).shape
    places = lowering.new(shape, torch.int64)
    best = lowering.new(shape, graph.fake(node.args[0]).dtype)
    outer, inner = split(value, axis)
    number = value.buffer.number.name
    block = lowering.block(node)
    x, y = block.read(value), block.write(places)
    z = block.write(best)
    start, target = outer.place(value), _aligned(outer)
    with block.full_nest(outer.variables, outer.sizes):
        block.line(f"{number} best = {x}[{start}];")
        block.line("int at = 0;")
        with block.full_nest(inner.variables, inner.sizes):
            block.line(f"const {number} v = {x}[{start} + {inner.place(value)}];")
            sign = ">" if largest else "<"
            test = f"if (v {sign} best || (v != v && best == best)) {{"
            block.line(test if value.buffer.number.floating else _whole(test))
            turn = inner.variables[0] if inner.variables else "0"
            block.line(f"    best = v;\n{'    ' * block.depth}    at = {turn};")
            block.line("}")
        block.line(f"{y}[{target}] = at;")
        block.line(f"{z}[{target}] = best;")
    return best, places


RULES.update({name: _fold(name) for name in FOLDS})
