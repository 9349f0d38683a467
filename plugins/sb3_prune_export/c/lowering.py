"""Lower a program: every operation becomes a view, a member of a group, or a block."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg

from sb3_prune_export.c import graph
from sb3_prune_export.c.copying import copy
from sb3_prune_export.c.rules import RULES
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import Buffer, View, contiguous

SAME = ("clone", "lift_fresh_copy", "contiguous")
"""Operations that copy numbers: nothing here writes to what it reads."""


def lower(
    program: ExportedProgram, names: Sequence[str], lowering: Lowering
) -> tuple[list[View], list[View | torch.Tensor]]:
    """Lower a program.

    Args:
        program: Core ATen operations, decomposed, batch 1.
        names: Name in C of each input.
        lowering: Gets the steps and the constant arrays.

    Returns:
        The inputs and the outputs as tensors.

    Raises:
        ExportError: An operation has no rule, or one with these arguments.
    """
    values: dict[Node, Any] = {}
    known = graph.constants(program)
    given = graph.inputs(program)
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in known:
            values[node] = known[node.name]
    for node, name in zip(given, names, strict=True):
        shape, dtype = graph.fake(node).shape, graph.fake(node).dtype
        number, size = lowering.number(dtype), math.prod(shape)
        buffer = Buffer(number=number, size=size, name=name)
        values[node] = contiguous(buffer, tuple(shape))
    for node in graph.calls(program):
        values[node] = _call(lowering, node, values)
    results = [values[node] for node in graph.outputs(program)]
    return [values[node] for node in given], results


def _call(lowering: Lowering, node: Node, values: dict[Node, Any]) -> Any:
    """Lower one operation and return its result."""
    lowering.module = graph.module_of(node)
    args: Any = map_arg(node.args, lambda each: values[each])
    kwargs: Any = map_arg(node.kwargs, lambda each: values[each])
    if node.target is operator.getitem:
        return args[0][args[1]]
    if not any(isinstance(values[each], View) for each in node.all_input_nodes):
        return node.target(*args, **kwargs)  # type: ignore[operator]
    name = graph.name_of(node)
    if name in SAME:
        return args[0]
    if graph.is_view(node) or name == "_unsafe_view":
        return _reshape(lowering, node, args, kwargs)
    if name not in RULES:
        raise lowering.refuse(node, "no rule writes this operation in C")
    return RULES[name](lowering, node, *args, **kwargs)


def _reshape(lowering: Lowering, node: Node, args: Any, kwargs: Any) -> Any:
    """Look at a tensor in another way; copy it where its memory does not allow that."""
    view, *rest = args
    try:
        found = _looked(node, view, rest, kwargs)
    except RuntimeError:
        copied = copy(lowering, view)
        found = _looked(node, copied, rest, kwargs)
    if _changes_type(node):
        raise lowering.refuse(node, "it reads numbers as if they had another type")
    return found


def _looked(node: Node, view: View, rest: Any, kwargs: Any) -> Any:
    target: Any = node.target
    if graph.name_of(node) == "_unsafe_view":
        target = torch.ops.aten.view.default
    found = target(view.meta, *rest, **kwargs)
    if isinstance(found, (tuple, list)):
        return [view.of(each) for each in found]
    return view.of(found)


def _changes_type(node: Node) -> bool:
    """Tell whether a view is of another type than what it looks at."""
    return bool(graph.first(node).dtype is not graph.fake(node.args[0]).dtype)
