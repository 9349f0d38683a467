"""Convolutions over one or two axes; pictures are kept with their channels last."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.rules.table import rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import Buffer, View, strided


@rule("convolution")
def convolution(
    lowering: Lowering,
    node: Node,
    value: View,
    weight: Any,
    bias: Any,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> View:
    """Write a convolution; the innermost loop runs over the channels of the output."""
    del output_padding
    if transposed or isinstance(weight, View) or isinstance(bias, View):
        raise lowering.refuse(node, "no rule where transposed or without fixed weights")
    flat = weight.ndim == 3  # noqa: PLR2004, (outputs, inputs, size)
    if weight.ndim not in (3, 4):
        raise lowering.refuse(node, f"no rule for {weight.ndim - 2} axes")
    if flat:  # A picture of one row.
        row = lowering.view(value)
        value, weight = row.of(row.meta.unsqueeze(2)), weight.unsqueeze(2)
        stride, padding, dilation = [1, *stride], [0, *padding], [1, *dilation]
    shape = list(graph.fake(node).shape)
    full = [*shape[:2], 1, shape[2]] if flat else shape
    result = picture(lowering, full, graph.fake(node).dtype)
    block = lowering.block(node)
    bias = weight.new_zeros(weight.shape[0]) if bias is None else bias
    window = Window(value, result, stride, padding, dilation, list(weight.shape[2:]))
    _write(lowering, block, node, window, (weight, bias, groups))
    return result.of(result.meta.squeeze(2)) if flat else result


def picture(lowering: Lowering, shape: list[int], dtype: torch.dtype) -> View:
    """Return memory for pictures, (batch, channels, height, width), channels last."""
    batch, channels, height, width = shape
    size = torch.Size(shape).numel()
    buffer = Buffer(number=lowering.number(dtype), size=size)
    strides = [height * width * channels, 1, width * channels, channels]
    return View(buffer, strided((batch, channels, height, width), strides, size))


class Window:
    """A window that moves over a picture.

    Args:
        value: Picture that is read.
        result: Picture that is written.
        stride: Steps of the window, vertical and horizontal.
        padding: Rows and columns around the picture.
        dilation: Distances between the places of the window.
        size: Height and width of the window.
    """

    def __init__(
        self,
        value: View,
        result: View,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        size: list[int],
    ) -> None:
        self.value, self.result = value, result
        self.stride, self.padding, self.size = stride, padding, size
        self.dilation = dilation

    def outputs(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return the loops over the places of the result."""
        batch, _, height, width = self.result.shape
        return ("b", "i", "j"), (batch, height, width)

    def inputs(self, block: Block) -> None:
        """Open a place of the window, in loops over ``p`` and ``q``.

        Its row and column in the picture are ``h`` and ``w``; those around the picture
        are skipped.
        """
        for name, variable, moved, axis in (("h", "p", "i", 0), ("w", "q", "j", 1)):
            step, near = self.stride[axis], self.dilation[axis]
            start = f" - {self.padding[axis]}" if self.padding[axis] else ""
            size = self.value.shape[2 + axis]
            last = step * (self.result.shape[2 + axis] - 1) + near * (
                self.size[axis] - 1
            )
            block.line(
                f"const int {name} = {step} * {moved} + {near} * {variable}{start};"
            )
            if start or last >= size:
                block.line(f"if ({name} < 0 || {name} >= {size}) continue;")

    def source(self, channel: str) -> str:
        """Return the index of a number of the picture."""
        batch, channels, height, width = self.value.strides
        return f"{batch} * b + {channels} * ({channel}) + {height} * h + {width} * w"

    def target(self) -> str:
        """Return the index of the first channel of the result."""
        batch, _, height, width = self.result.strides
        return f"{batch} * b + {height} * i + {width} * j"


def _write(
    lowering: Lowering, block: Block, node: Node, window: Window, weights: Any
) -> None:
    weight, bias, groups = weights
    channels = weight.shape[0]
    inputs, outputs = weight.shape[1], channels // groups
    kernel = lowering.kernel(node, weight.permute(2, 3, 1, 0).contiguous())
    x, k = block.read(window.value), block.read(kernel.view)
    b, y = block.read(lowering.array(bias)), block.write(window.result)
    s = block.read(kernel.scale) if kernel.scale else ""
    number = window.result.buffer.number.name
    part = f"{outputs} * g + " if groups > 1 else ""
    block.title += f", window {' x '.join(map(str, window.size))}"
    with block.full_nest(*window.outputs()):
        block.line(f"{number} *out = {y} + {window.target()};")
        with block.full_nest(("c",), (channels,)):
            block.line(f"out[c] = {'0' if s else f'{b}[c]'};")
        with block.full_nest(("p", "q"), window.size):
            window.inputs(block)
            names = ("g", "n") if groups > 1 else ("n",)
            sizes = (groups, inputs) if groups > 1 else (inputs,)
            with block.full_nest(names, sizes):
                channel = f"{inputs} * g + n" if groups > 1 else "n"
                block.line(f"const {number} v = {x}[{window.source(channel)}];")
                rows = f"(({window.size[1]} * p + q) * {inputs} + n) * {channels}"
                with block.full_nest(("c",), (outputs,)):
                    block.line(f"out[{part}c] += v * {k}[{rows} + {part}c];")
        if s:
            with block.full_nest(("c",), (channels,)):
                block.line(f"out[c] = out[c] * {s}[c] + {b}[c];")
