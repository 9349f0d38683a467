"""Products of matrices; those with constant weights are laid out for speed."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.axes import place
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.pointwise import Tensor, pointwise
from sb3_prune_export.c.rules.table import rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import View

ROWS = 4
"""Inputs that are added in one go, so that the outputs are read and written less."""
LANES = 4
"""Rows are padded to a multiple of this, so no compiler needs a loop for the rest."""


@rule("addmm")
def addmm(
    lowering: Lowering,
    node: Node,
    bias: Tensor,
    left: Tensor,
    right: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
) -> View:
    """Write a linear layer, y = x W + b, whose weights W are (inputs, outputs)."""
    if (beta, alpha) != (1, 1):
        raise lowering.refuse(node, f"no rule for beta {beta}, alpha {alpha}")
    fixed = isinstance(right, torch.Tensor) and isinstance(bias, torch.Tensor)
    if fixed and bias.ndim == 1:  # type: ignore[union-attr]
        return _linear(lowering, node, bias, left, right)
    return pointwise(
        lowering, node, "{0} + {1}", [bias, mm(lowering, node, left, right)]
    )


@rule("mm")
def mm(lowering: Lowering, node: Node, left: Tensor, right: Tensor) -> View:
    """Write a product of two matrices."""
    if isinstance(right, torch.Tensor):
        return _linear(lowering, node, right.new_zeros(right.shape[1]), left, right)
    return _product(lowering, node, lowering.view(left), lowering.view(right))


@rule("bmm")
def bmm(lowering: Lowering, node: Node, left: Tensor, right: Tensor) -> View:
    """Write products of as many pairs of matrices as there are in the batch."""
    return _product(lowering, node, lowering.view(left), lowering.view(right))


def _linear(
    lowering: Lowering, node: Node, bias: Any, left: Tensor, weight: Any
) -> View:
    """Write x W + b with constant W and b, row by row of x.

    The inner loop runs over outputs, which no sum ties together.
    """
    source = lowering.view(left)
    inputs, outputs = weight.shape
    width = -(-outputs // LANES) * LANES
    padding = (0, width - outputs)
    result = lowering.new((source.shape[0], outputs), graph.fake(node).dtype, width)
    block = lowering.block(node)
    block.title = f"{lowering.module}: {inputs} -> {outputs}"
    if width > outputs:
        block.title += f", padded to {width}"
    kernel = lowering.kernel(node, torch.nn.functional.pad(weight, padding))
    x, w = block.read(source), block.read(kernel.view)
    b = block.read(lowering.array(torch.nn.functional.pad(bias, padding)))
    y = block.write(result)
    with block.loop("r", source.shape[0]):
        if source.shape[0] > 1:
            x = f"({x} + {source.strides[0]} * r)"
            y = f"({y} + {width} * r)"
        start = "0" if kernel.scale else f"{b}[j]"
        with block.loop("j", width):
            block.line(f"{y}[j] = {start};")
        _accumulate(block, (x, w, y), (inputs, width), source.strides[1])
        if kernel.scale:
            s = block.read(kernel.scale)
            with block.loop("j", width):
                block.line(f"{y}[j] = {y}[j] * {s}[j] + {b}[j];")
    return result


def _accumulate(
    block: Block, names: tuple[str, str, str], sizes: tuple[int, int], stride: int
) -> None:
    """Add the weighted inputs, several at once; the rest one by one."""
    x, w, y = names
    inputs, width = sizes
    number = block.pointers[y.strip("(").split()[0]][0].number.name
    whole = inputs - inputs % ROWS
    for first, end, rows in ((0, whole, ROWS), (whole, inputs, 1)):
        if first == end:
            continue
        block.line(f"for (int i = {first}; i < {end}; i += {rows}) {{")
        block.depth += 1
        at = "i" if stride == 1 else f"{stride} * i"
        for row in range(rows):
            more = f" + {row * stride}" if row else ""
            block.line(f"const {number} v{row} = {x}[{at}{more}];")
        terms = [
            f"v{row} * {w}[{width} * i + j{f' + {row * width}' if row else ''}]"
            for row in range(rows)
        ]
        with block.loop("j", width):
            block.line(f"{y}[j] += {' + '.join(terms)};")
        block.depth -= 1
        block.line("}")


def _product(lowering: Lowering, node: Node, left: View, right: View) -> View:
    """Write the product of tensors, (batch,) n x k and (batch,) k x m."""
    result = lowering.new(graph.fake(node).shape, graph.fake(node).dtype)
    block = lowering.block(node)
    x, w, y = block.read(left), block.read(right), block.write(result)
    number = result.buffer.number
    *batch, rows, inner = left.shape
    columns = right.shape[-1]
    names = (*(["b"] if batch else []), "r", "j")

    def at(view: View, row: str, column: str) -> str:
        return place([*names[:-2], row, column], view.shape, view.strides)

    with block.full_nest(names, [*batch, rows, columns]):
        block.line(f"{number.name} sum = 0;")
        with block.full_nest(("i",), [inner]):
            block.line(
                f"sum += {x}[{at(left, 'r', 'i')}] * {w}[{at(right, 'i', 'j')}];"
            )
        block.line(f"{y}[{at(result, 'r', 'j')}] = sum;")
    return result
