"""Normalisations of layers, groups of channels, and batches (in evaluation mode)."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.axes import Axes, split
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.numbers import literal
from sb3_prune_export.c.pointwise import Value, pointwise
from sb3_prune_export.c.rules.table import rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import View


@rule("_native_batch_norm_legit_no_training")
def batch_norm(
    lowering: Lowering,
    node: Node,
    value: View,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    momentum: float,
    epsilon: float,
) -> tuple[View, None, None]:
    r"""Write :math:`y = x s + t` with one s and one t for each channel.

    .. math:: s = w / \sqrt{\sigma^2 + \epsilon}, \quad t = b - \mu s
    """
    del momentum
    given = (weight, bias, mean, variance)
    if any(isinstance(each, View) for each in given):
        raise lowering.refuse(node, "its statistics are not constant")
    scale = (variance.double() + epsilon).rsqrt()
    scale = scale if weight is None else scale * weight.double()
    shift = -mean.double() * scale + (0 if bias is None else bias.double())
    shape = [1, -1, *[1] * (len(value.shape) - 2)]
    values: list[Value] = [
        value,
        scale.to(mean).view(shape),
        shift.to(mean).view(shape),
    ]
    return pointwise(lowering, node, "{0} * {1} + {2}", values), None, None


@rule("native_layer_norm")
def layer_norm(
    lowering: Lowering,
    node: Node,
    value: View,
    shape: list[int],
    weight: Any,
    bias: Any,
    epsilon: float,
) -> tuple[View, None, None]:
    """Write a normalisation over the last axes."""
    inner = range(len(value.shape) - len(shape), len(value.shape))
    factors = [None if each is None else lowering.view(each) for each in (weight, bias)]
    result = _normalise(lowering, node, value, (list(inner), epsilon), factors)
    return result, None, None


@rule("native_group_norm")
def group_norm(
    lowering: Lowering,
    node: Node,
    value: View,
    weight: Any,
    bias: Any,
    batch: int,
    channels: int,
    size: int,
    groups: int,
    epsilon: float,
) -> tuple[View, None, None]:
    """Write a normalisation over groups of channels and all places."""
    del size
    parts = (batch, groups, channels // groups, *value.shape[2:])
    meta: Any = value.meta  # Torch does not say what types unflatten has.
    grouped = value.of(meta.unflatten(1, parts[1:3]))
    places = [1] * len(value.shape[2:])
    factors = []
    for each in (weight, bias):
        view = None if each is None else lowering.view(each)
        factors.append(view and view.of(view.meta.view(*parts[1:3], *places)))
    inner = list(range(2, len(parts)))
    result = _normalise(lowering, node, grouped, (inner, epsilon), factors)
    return result.of(result.meta.flatten(1, 2)), None, None


def _normalise(
    lowering: Lowering,
    node: Node,
    value: View,
    over: tuple[list[int], float],
    factors: list[View | None],
) -> View:
    """Write (x - mean) / sqrt(variance + epsilon) * weight + bias."""
    inner_axes, epsilon = over
    result = lowering.new(value.shape, graph.first(node).dtype)
    outer, inner = split(value, inner_axes)
    number = result.buffer.number
    block = lowering.block(node)
    x, y = block.read(value), block.write(result)
    of = f"{x}[{outer.place(value)} + {inner.place(value)}]"
    to = f"{y}[{outer.place(result)} + {inner.place(result)}]"
    count = torch.Size(inner.sizes).numel()
    root = f"sqrt{number.suffix}"
    weight, bias = (_factor(block, f, (outer, inner), value.shape) for f in factors)
    with block.full_nest(outer.variables, outer.sizes):
        block.line(f"{number.name} mean = 0, variance = 0;")
        with block.full_nest(inner.variables, inner.sizes):
            block.line(f"mean += {of};")
        block.line(f"mean /= {count};")
        with block.full_nest(inner.variables, inner.sizes):
            block.line(f"variance += ({of} - mean) * ({of} - mean);")
        small = literal(epsilon, number)
        block.line(
            f"const {number.name} scale = 1 / {root}(variance / {count} + {small});"
        )
        with block.full_nest(inner.variables, inner.sizes):
            times = f" * {weight}" if weight else ""
            plus = f" + {bias}" if bias else ""
            block.line(f"{to} = ({of} - mean) * scale{times}{plus};")
    return result


def _factor(
    block: Block, factor: View | None, axes: tuple[Axes, Axes], shape: tuple[int, ...]
) -> str:
    """Return a weight or a bias as a C expression; an empty one if there is none."""
    if factor is None:
        return ""
    wide = factor.of(factor.meta.expand(shape))
    return f"{block.read(wide)}[{axes[0].place(wide)} + {axes[1].place(wide)}]"
