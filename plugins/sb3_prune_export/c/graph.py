"""The graph of an exported program, without what decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node


def constants(program: ExportedProgram) -> dict[str, torch.Tensor]:
    """Return the parameters, buffers and constants, by the name of their node."""
    known = {**program.state_dict, **program.constants}
    return {
        str(spec.arg.name): known[str(spec.target)].detach()
        for spec in program.graph_signature.input_specs
        if spec.kind is not InputKind.USER_INPUT
    }


def inputs(program: ExportedProgram) -> list[Node]:
    """Return the nodes that the user gives, in order."""
    names = program.graph_signature.user_inputs
    by_name = {node.name: node for node in program.graph.nodes}
    return [by_name[str(name)] for name in names]


def outputs(program: ExportedProgram) -> list[Node]:
    """Return the nodes that the program returns, in order."""
    by_name = {node.name: node for node in program.graph.nodes}
    return [by_name[str(name)] for name in program.graph_signature.user_outputs]


def calls(program: ExportedProgram) -> list[Node]:
    """Return the operations on which the outputs depend, in order."""
    live = set(outputs(program))
    for node in reversed(program.graph.nodes):
        if node in live:
            live.update(node.all_input_nodes)
    return [n for n in program.graph.nodes if n in live and n.op == "call_function"]


def name_of(node: Node) -> str:
    """Return the name of an operation without namespace and overload, e.g. ``add``."""
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name.split("::")[-1])
    return str(getattr(target, "__name__", target))


def module_of(node: Node) -> str:
    """Return the module that an operation comes from: its path and its class."""
    stack = node.meta.get("nn_module_stack") or {}
    path, kind = list(stack.values())[-1] if stack else ("", "")
    path = str(path).removeprefix("L['self']").lstrip(".")
    cls = getattr(kind, "__name__", str(kind)).rpartition(".")[2]
    return f"{path} ({cls})" if path else name_of(node)


def is_view(node: Node) -> bool:
    """Tell whether an operation only looks at a tensor in another way."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    returns = target._schema.returns
    return all(r.alias_info is not None for r in returns) and bool(returns)


def fake(node: Any) -> Any:
    """Return a tensor without numbers of a node's shape and type; else the value."""
    return node.meta["val"] if isinstance(node, Node) else node


def first(node: Node) -> Any:
    """Return a tensor as :func:`fake` does, of several results that of the first."""
    result = fake(node)
    return result[0] if isinstance(result, (tuple, list)) else result


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape without the batch axis of length 1, e.g. ``3 x 84 x 84``."""
    sizes = list(shape)[1:] if len(shape) > 1 and shape[0] == 1 else list(shape)
    return " x ".join(map(str, sizes)) or "1"
