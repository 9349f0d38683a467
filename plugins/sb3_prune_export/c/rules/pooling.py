"""Pooling over two axes."""

from __future__ import annotations

from typing import Any

from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.rules.convolutions import Window, picture
from sb3_prune_export.c.rules.table import rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import View


@rule("max_pool2d_with_indices")
def max_pool(
    lowering: Lowering,
    node: Node,
    value: View,
    size: list[int],
    stride: Any = (),
    padding: Any = (0, 0),
    dilation: Any = (1, 1),
    ceil_mode: bool = False,
) -> tuple[View, None]:
    """Write the largest number of each window; NaN stays NaN."""
    window = _window(lowering, node, value, (size, stride, padding, dilation))
    del ceil_mode  # A window that reaches beyond the picture skips what is not there.
    number = value.buffer.number
    lines = (f"{number.name} most = -INFINITY;", "if (v > most || v != v) most = v;")
    if not number.floating:
        raise lowering.refuse(node, "no rule for whole numbers")
    _write(lowering, node, window, lines, "most")
    return window.result, None


@rule("avg_pool2d")
def avg_pool(
    lowering: Lowering,
    node: Node,
    value: View,
    size: list[int],
    stride: Any = (),
    padding: Any = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> View:
    """Write the mean of each window."""
    if ceil_mode:
        raise lowering.refuse(node, "no rule for ceil_mode")
    if count_include_pad or not any(padding):
        divisor = divisor or size[0] * size[-1]
    window = _window(lowering, node, value, (size, stride, padding, (1, 1)))
    number = value.buffer.number.name
    lines = (f"{number} sum = 0;\nint count = 0;", "sum += v;\n++count;")
    by = str(divisor) if divisor else "count"
    if divisor:
        lines = (f"{number} sum = 0;", "sum += v;")
    _write(lowering, node, window, lines, f"sum / {by}")
    return window.result


def _window(lowering: Lowering, node: Node, value: View, given: Any) -> Window:
    """Return the window of a pooling whose arguments may be one number for two axes."""
    size, stride, padding, dilation = (
        list(each) * 2 if len(each) == 1 else list(each) for each in given
    )
    result = graph.first(node)
    if len(value.shape) == 3:  # noqa: PLR2004, a picture without batch axis
        raise lowering.refuse(node, "no rule for pictures without batch axis")
    target = picture(lowering, list(result.shape), result.dtype)
    return Window(value, target, stride or size, padding, dilation, size)


def _write(
    lowering: Lowering, node: Node, window: Window, lines: tuple[str, str], value: str
) -> None:
    """Write the loops: how a window begins, what each number does, and the result."""
    block = lowering.block(node)
    x, y = block.read(window.value), block.write(window.result)
    number = window.value.buffer.number.name
    names, sizes = window.outputs()
    channels = window.result.shape[1]
    with block.full_nest((*names, "c"), (*sizes, channels)):
        for line in lines[0].splitlines():
            block.line(line)
        with block.full_nest(("p", "q"), window.size):
            window.inputs(block)
            block.line(f"const {number} v = {x}[{window.source('c')}];")
            for line in lines[1].splitlines():
                block.line(line)
        block.line(f"{y}[{window.target()} + c] = {value};")
