"""Folding: simplify a traced program without changing what it computes.

What depends on weights alone is computed. Constants that scale and shift the outputs of
a linear layer, or its inputs, move into its weights: the statistics of normalisations,
and what gates multiply units by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.fx.passes.dialect.common.cse_pass import CSEPass

ATEN = torch.ops.aten
AFFINE = {
    ATEN.add.Tensor: torch.add,
    ATEN.sub.Tensor: torch.sub,
    ATEN.mul.Tensor: torch.mul,
    ATEN.div.Tensor: torch.div,
}
"""Operations that a linear layer may take over, if the other operand is constant."""
KEPT = {ATEN.permute.default}
"""Operations on weights that stay: weights are written as the agent has them."""
CHECKS = {ATEN._assert_tensor_metadata.default, ATEN._assert_async.msg}
"""Operations that only raise errors."""


def fold(program: fx.GraphModule) -> fx.GraphModule:
    """Return a program that computes the same in fewer operations.

    Args:
        program: Core ATen operations; weights are read by ``get_attr``.
    """
    _drop_checks(program.graph)
    merged = CSEPass()(program)
    program = merged.graph_module if merged is not None else program
    _compute_constants(program)
    for simplify in (_pick_before_softmax, _fold_behind, _fold_before):
        _everywhere(program, simplify)
    program.graph.eliminate_dead_code()
    used = {node.target for node in program.graph.nodes if node.op == "get_attr"}
    for name in [n for n, _ in program.named_buffers() if n not in used]:
        delattr(program, name)
    program.recompile()
    return program


def _everywhere(
    program: fx.GraphModule, simplify: Callable[[fx.GraphModule, fx.Node], bool]
) -> None:
    """Apply a rule until it applies nowhere."""
    while any(simplify(program, node) for node in program.graph.nodes):
        program.graph.eliminate_dead_code()


def _drop_checks(graph: fx.Graph) -> None:
    """Drop checks, which say nothing about results, and copies.

    Without its check, a one-hot code of a choice out of range is all zeros.
    """
    for node in list(graph.nodes):
        if node.target in CHECKS:
            graph.erase_node(node)
        elif node.target in (ATEN.clone.default, ATEN.alias.default):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def constant(program: fx.GraphModule, node: Any) -> torch.Tensor | None:
    """Return the value of a weight or of what was computed from weights, else None."""
    if isinstance(node, int | float):
        return torch.tensor(node)
    if not isinstance(node, fx.Node):
        return None
    if node.op == "get_attr":
        found: torch.Tensor = getattr(program, str(node.target))
        return found
    if node.target in KEPT and (inner := constant(program, node.args[0])) is not None:
        return node.target(inner, *node.args[1:])  # type: ignore[no-any-return]
    return None


def _compute_constants(program: fx.GraphModule) -> None:
    for node in list(program.graph.nodes):
        if node.op != "call_function" or node.target in KEPT:
            continue
        values = [constant(program, arg) for arg in node.all_input_nodes]
        if any(value is None for value in values):
            continue
        known = dict(zip(node.all_input_nodes, values, strict=True))
        args, kwargs = fx.map_arg((node.args, node.kwargs), known.__getitem__)
        result = node.target(*args, **kwargs)
        if isinstance(result, torch.Tensor):
            _replace(program, node, result)


def _replace(program: fx.GraphModule, node: fx.Node, value: torch.Tensor) -> None:
    node.replace_all_uses_with(_weight(program, node, node.name, value))
    program.graph.erase_node(node)


def _weight(
    program: fx.GraphModule, before: fx.Node, name: str, value: torch.Tensor
) -> fx.Node:
    """Insert a constant in front of a node."""
    while hasattr(program, name):
        name += "_"
    program.register_buffer(name, value.detach().contiguous())
    with program.graph.inserting_before(before):
        return program.graph.get_attr(name)


def _pick_before_softmax(program: fx.GraphModule, node: fx.Node) -> bool:
    """Let a greedy choice look at logits: their softmax has the same order.

    So does any difference that is one number for all choices, as the logarithm of the
    sum by which torch.distributions normalises logits.
    """
    del program
    if node.target is not ATEN.argmax.default:
        return False
    logits: Any = node.args[0]
    axis: Any = node.args[1] if len(node.args) > 1 else None
    shape = logits.meta["val"].shape
    same = False
    if axis is None:  # The place in the whole table, whose rows are moved differently.
        return False
    if logits.target is ATEN._softmax.default:
        same = logits.args[1] % len(shape) == axis % len(shape)
    if logits.target is ATEN.sub.Tensor and isinstance(logits.args[1], fx.Node):
        less, more = (logits.args[i].meta["val"].shape for i in (1, 0))
        same = more == shape and len(less) == len(shape) and less[axis] == 1
    if same:
        node.update_arg(0, logits.args[0])
    return bool(same)


def _fold_behind(program: fx.GraphModule, node: fx.Node) -> bool:
    """Let a linear layer take over what scales or shifts its outputs."""
    found = _affine(program, node)
    if found is None:
        return False
    layer, change = found
    parts = _layer(program, layer)
    if parts is None or len(layer.users) != 1:
        return False
    weight, bias, _ = parts
    shift = change(torch.zeros_like(bias))
    scale = change(torch.ones_like(bias)) - shift
    if scale.shape != bias.shape:
        return False
    _rewrite(program, layer, weight * scale[:, None], bias * scale + shift)
    node.replace_all_uses_with(layer)
    return True


def _fold_before(program: fx.GraphModule, node: fx.Node) -> bool:
    """Let a linear layer take over what scales or shifts its inputs."""
    parts = _layer(program, node)
    if parts is None:
        return False
    weight, bias, read = parts
    found = _affine(program, read)
    if found is None or len(read.users) != 1:
        return False
    inputs, change = found
    zeros = torch.zeros(weight.shape[1], dtype=torch.float64)
    shift = change(zeros)
    scale = change(zeros + 1) - shift
    if scale.shape != zeros.shape or inputs.meta["val"].shape != read.meta["val"].shape:
        return False
    _rewrite(program, node, weight * scale, bias + weight @ shift)
    node.update_arg(1, inputs)
    return True


def _affine(
    program: fx.GraphModule, node: fx.Node
) -> tuple[fx.Node, Callable[[torch.Tensor], torch.Tensor]] | None:
    """Return what a node scales or shifts by constants, and how it changes a row."""
    operation = AFFINE.get(node.target)  # type: ignore[call-overload]
    if operation is None or node.kwargs or node.meta["val"].ndim != 2:  # noqa: PLR2004
        return None
    one, other = (constant(program, arg) for arg in node.args)
    if (one is None) == (other is None):
        return None
    varying: Any = node.args[0] if one is None else node.args[1]
    known: Any = other if one is None else one
    turned = operation is torch.div and one is not None
    if turned or varying.meta["val"].dtype != node.meta["val"].dtype:
        return None
    if known.ndim and known.numel() not in (1, known.shape[-1]):
        return None
    row = known.double().reshape(-1) if known.ndim else known.double()
    if one is None:
        return varying, lambda x: operation(x.double(), row)
    return varying, lambda x: operation(row, x.double())


def _layer(
    program: fx.GraphModule, node: fx.Node
) -> tuple[torch.Tensor, torch.Tensor, fx.Node] | None:
    """Return weight (outputs, inputs), bias, both float64, and inputs of a layer."""
    if node.target is not ATEN.addmm.default or node.kwargs:
        return None
    bias, weight = (constant(program, node.args[i]) for i in (0, 2))
    if bias is None or weight is None or bias.ndim != 1:
        return None
    read: Any = node.args[1]
    return weight.T.double(), bias.double(), read


def _rewrite(
    program: fx.GraphModule, layer: fx.Node, weight: torch.Tensor, bias: torch.Tensor
) -> None:
    """Give a layer another weight and bias, in the types that it has."""
    old: Any = layer.args[2]
    source = old.args[0] if old.target in KEPT else old
    dtype = layer.meta["val"].dtype
    stem = str(source.target).removesuffix("_folded")
    new = _weight(program, layer, f"{stem}_folded", weight.to(dtype))
    with program.graph.inserting_before(layer):
        turned = program.graph.call_function(ATEN.permute.default, (new, [1, 0]))
    shift = _weight(program, layer, f"{stem}_bias_folded", bias.to(dtype))
    layer.args = (shift, layer.args[1], turned)
