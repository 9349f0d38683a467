"""Softmax and its logarithm."""

from __future__ import annotations

from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.axes import split
from sb3_prune_export.c.rules.table import rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import View


@rule("_softmax", "_log_softmax")
def softmax(lowering: Lowering, node: Node, value: View, axis: int, half: bool) -> View:
    """Write a softmax along an axis, from which the largest number is subtracted."""
    if half:
        raise lowering.refuse(node, "no rule for numbers of 16 bits")
    result = lowering.new(value.shape, graph.fake(node).dtype)
    outer, inner = split(value, axis)
    number = result.buffer.number
    block = lowering.block(node)
    x, y = block.read(value), block.write(result)
    exp, log = f"exp{number.suffix}", f"log{number.suffix}"
    of = f"{x}[{outer.place(value)} + {inner.place(value)}]"
    to = f"{y}[{outer.place(result)} + {inner.place(result)}]"
    with block.full_nest(outer.variables, outer.sizes):
        block.line(f"{number.name} most = {x}[{outer.place(value)}];")
        block.line(f"{number.name} sum = 0;")
        with block.full_nest(inner.variables, inner.sizes):
            block.line(f"most = {of} > most ? {of} : most;")
        with block.full_nest(inner.variables, inner.sizes):
            block.line(f"sum += {exp}({of} - most);")
        with block.full_nest(inner.variables, inner.sizes):
            if graph.name_of(node) == "_softmax":
                block.line(f"{to} = {exp}({of} - most) / sum;")
            else:
                block.line(f"{to} = {of} - most - {log}(sum);")
    return result
