"""Add operations on single numbers to groups, which share a loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.expressions import filled
from sb3_prune_export.c.groups import Group, Member, layout
from sb3_prune_export.c.numbers import Number, literal
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import Buffer, View

Tensor = View | torch.Tensor
"""A tensor that is computed, or one that is constant."""
Value = Tensor | float | int | bool
"""An operand."""


def pointwise(
    lowering: Lowering, node: Node, template: str, values: Sequence[Value], **types: Any
) -> View:
    """Add one operation on single numbers.

    Args:
        lowering: What has been lowered so far.
        node: The operation.
        template: Its C expression, of operands ``{0}``, ``{1}``...
        values: The operands, of any shapes that broadcast.
        types: ``dtype`` of the result, else that of the node; ``operands``: the common
            type of the operands, or a list of types; None leaves an operand as it is.
    """
    result = graph.first(node)
    number = lowering.number(types.get("dtype", result.dtype))
    wanted = types.get("operands", number)
    kinds = wanted if isinstance(wanted, list) else [wanted] * len(values)
    shape = tuple(types.get("shape", result.shape))
    operands = [
        _operand(lowering, value, kind, shape)
        for value, kind in zip(values, kinds, strict=True)
    ]
    casts = [_cast(value, kind) for value, kind in zip(operands, kinds, strict=True)]
    buffer = Buffer(number=number, size=max(math.prod(shape), 1))
    member = Member(filled(template, number.suffix), operands, casts, buffer)
    group = _group(lowering, member, shape)
    for view in _tensors(member):
        view.buffer.read |= group.member(view) is None
    group.members.append(member)
    group.titles.append(f"{lowering.module}: {graph.shape_text(shape)}")
    return group.result(buffer, shape)


def _operand(
    lowering: Lowering, value: Value, kind: Number | None, shape: tuple[int, ...]
) -> View | str:
    """Return a tensor in the shape of the result, or a literal."""
    if isinstance(value, torch.Tensor) and value.numel():
        first = value.flatten()[0]
        if torch.equal(value, first.expand(value.shape)):
            return literal(first.item(), kind or lowering.number(value.dtype))
    if isinstance(value, (View, torch.Tensor)):
        view = lowering.view(value)
        return view.of(view.meta.expand(shape))
    return literal(value, kind or lowering.number(torch.float32))


def _cast(operand: View | str, kind: Number | None) -> str:
    if isinstance(operand, str) or kind is None:
        return ""
    same = operand.buffer.number.name == kind.name
    return "" if same else f"({kind.name})"


def _tensors(member: Member) -> list[View]:
    return [each for each in member.operands if isinstance(each, View)]


def _group(lowering: Lowering, member: Member, shape: tuple[int, ...]) -> Group:
    """Return the last group that an operation can join, or a new one."""
    sizes = tuple(size for size in shape if size != 1)
    views = _tensors(member)
    earliest = max((lowering.written(v.buffer) for v in views), default=-1)
    for step in reversed(lowering.steps[max(earliest, 0) :]):
        if isinstance(step, Group) and step.sizes == sizes:
            inside = [view for view in views if step.member(view) is not None]
            if all(map(step.fits, inside)):
                return step
    group = Group(sizes, layout(shape, views))
    lowering.steps.append(group)
    return group
