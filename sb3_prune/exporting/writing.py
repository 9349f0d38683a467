"""Writing: networks that write into their weights or buffers while they decide."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind

from sb3_prune.exceptions import ExportError


def refuse_writing(names: Sequence[str]) -> None:
    """Refuse networks that write into weights or buffers of these names.

    Raises:
        ExportError: There are any.
    """
    if names:
        raise ExportError(
            f"The networks write into {', '.join(names)} while they decide, and an "
            "export remembers nothing: let them only read it, or count elsewhere."
        )


def mutated(program: ExportedProgram) -> list[str]:
    """Return the weights and buffers that a decomposed program has other values for."""
    specs = program.graph_signature.output_specs
    changed = [spec for spec in specs if spec.kind is not OutputKind.USER_OUTPUT]
    return [_told(spec.target or spec.arg.name) for spec in changed]


def written(program: ExportedProgram) -> set[str]:
    """Return the weights and buffers that in-place operations, or views, may lead to.

    A copy, such as that of ``to``, may count as a view.
    """
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    found = set()
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if schema is None or not schema.is_mutable:
            continue
        for root in map(_root, node.all_input_nodes):
            spec = specs.get(root.name)
            if spec is not None and spec.target is not None:
                found.add(_told(spec.target))
    return found


def _root(node: fx.Node) -> fx.Node:
    """Return what a tensor may be a view of; itself if it is none."""
    while node.op == "call_function" and node.all_input_nodes:
        returns = getattr(node.target, "_schema", None)
        views = returns is not None and any(each.alias_info for each in returns.returns)
        if not views and node.target is not operator.getitem:
            break
        node = node.all_input_nodes[0]
    return node


def _told(target: str) -> str:
    return repr(target.removeprefix("policy."))
