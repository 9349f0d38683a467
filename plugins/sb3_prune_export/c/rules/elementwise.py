"""Operations on single numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.expressions import ARITHMETIC, BITWISE, TESTS, WHOLE
from sb3_prune_export.c.pointwise import Tensor, Value, pointwise
from sb3_prune_export.c.rules.table import RULES, rule
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import View

SQUARE = 2
"""Exponent for which a product is written."""


def _arithmetic(name: str) -> Callable[..., View]:
    def lower(lowering: Lowering, node: Node, *values: Any, **options: Any) -> View:
        dtype = graph.fake(node).dtype
        table = ARITHMETIC if lowering.number(dtype).floating else WHOLE
        template, operands = table.get(name), list(values)
        given = {key: value for key, value in options.items() if value is not None}
        if len(operands) == len(("x", "y", "alpha")):  # Of scalars by position.
            given["alpha"] = operands.pop()
        if template is None or given.keys() - _options(name):
            raise lowering.refuse(node, f"no rule for these types or options {given}")
        if (alpha := given.get("alpha", 1)) != 1:
            template = template.replace("{1}", "{2} * {1}")
            operands.append(alpha)
        if dtype is torch.bool:  # True and True are 2 in C.
            template = f"({template}) != 0"
        return pointwise(lowering, node, template, operands)

    return lower


def _options(name: str) -> set[str]:
    return {"alpha"} if name in ("add", "sub") else set()


def _test(name: str) -> Callable[..., View]:
    def lower(lowering: Lowering, node: Node, *values: Any) -> View:
        first, *rest = map(graph.fake, node.args)
        common = torch.result_type(first, *rest) if rest else first.dtype
        number = lowering.number(common)
        return pointwise(lowering, node, TESTS[name], list(values), operands=number)

    return lower


def _bitwise(name: str) -> Callable[..., View]:
    def lower(lowering: Lowering, node: Node, *values: Any) -> View:
        return pointwise(lowering, node, BITWISE[name], list(values))

    return lower


RULES.update({name: _arithmetic(name) for name in ARITHMETIC})
RULES.update({name: _test(name) for name in TESTS})
RULES.update({name: _bitwise(name) for name in BITWISE})


@rule("bitwise_not")
def bitwise_not(lowering: Lowering, node: Node, value: Value) -> View:
    """Turn truth values around, or all bits of whole numbers."""
    template = "!{0}" if graph.fake(node).dtype is torch.bool else "~{0}"
    return pointwise(lowering, node, template, [value])


@rule("pow")
def power(lowering: Lowering, node: Node, base: Value, exponent: Value) -> View:
    """Raise to a power; a square is a product."""
    template = ARITHMETIC["pow"]
    if not lowering.number(graph.fake(node).dtype).floating:
        raise lowering.refuse(node, "no rule for whole numbers")
    if not isinstance(exponent, (View, torch.Tensor)) and exponent == SQUARE:
        return pointwise(lowering, node, "{0} * {0}", [base])
    return pointwise(lowering, node, template, [base, exponent])


@rule("_to_copy")
def to_copy(
    lowering: Lowering, node: Node, value: Tensor, *, dtype: Any = None, **_: Any
) -> Tensor:
    """Convert to another type; to the same type costs nothing."""
    old = lowering.view(value).buffer.number
    number = lowering.number(dtype or graph.fake(node).dtype)
    if dtype is torch.bool and graph.fake(node.args[0]).dtype is not torch.bool:
        return pointwise(lowering, node, "{0} != 0", [value], operands=None)
    if old.name == number.name:
        return value
    return pointwise(lowering, node, "{0}", [value], operands=number)


@rule("full_like")
def full_like(
    lowering: Lowering, node: Node, value: Tensor, filler: float, **_: Any
) -> torch.Tensor:
    """Return a constant: of the other tensor only its shape and type count."""
    del lowering, value
    result = graph.fake(node)
    return torch.full(result.shape, filler, dtype=result.dtype)


@rule("where")
def where(
    lowering: Lowering, node: Node, condition: Value, one: Value, other: Value
) -> View:
    """Choose between two tensors."""
    number = lowering.number(graph.fake(node).dtype)
    kinds = [lowering.number(torch.bool), number, number]
    values = [condition, one, other]
    return pointwise(lowering, node, "{0} ? {1} : {2}", values, operands=kinds)


@rule("clamp", "hardtanh", "clamp_min", "clamp_max")
def clamp(lowering: Lowering, node: Node, value: Value, *limits: Any) -> View:
    """Clip to limits, each a number, a tensor or None; NaN stays NaN."""
    name = graph.name_of(node)
    missing: tuple[Any, ...] = (-1.0, 1.0) if name == "hardtanh" else (None, None)
    given = (None, *limits) if name == "clamp_max" else limits
    low, high = (*given, *missing[len(given) :])
    found = value
    if low is not None:
        found = pointwise(lowering, node, "{0} < {1} ? {1} : {0}", [found, low])
    if high is not None:
        found = pointwise(lowering, node, "{0} > {1} ? {1} : {0}", [found, high])
    return found  # type: ignore[return-value]


@rule("elu")
def elu(
    lowering: Lowering,
    node: Node,
    value: Value,
    alpha: float = 1.0,
    scale: float = 1.0,
    input_scale: float = 1.0,
) -> View:
    r"""Write :math:`s x` for positive x, else :math:`s \alpha (e^{i x} - 1)`."""
    template = "{0} > 0 ? {1} * {0} : {2} * expm1{f}({3} * {0})"
    values = [value, scale, scale * alpha, input_scale]
    return pointwise(lowering, node, template, values)


@rule("leaky_relu")
def leaky_relu(
    lowering: Lowering, node: Node, value: Value, slope: float = 0.01
) -> View:
    """Write x for positive x, else a fraction of it."""
    template = "{0} > 0 ? {0} : {1} * {0}"
    return pointwise(lowering, node, template, [value, slope])


@rule("gelu")
def gelu(
    lowering: Lowering, node: Node, value: Value, *, approximate: str = "none"
) -> View:
    """Write x times the normal distribution's share below x, or its approximation."""
    if approximate == "tanh":
        root, cubic = math.sqrt(2 / math.pi), 0.044715
        inner = "tanh{f}({1} * ({0} + {2} * {0} * {0} * {0}))"
        template = f"{{3}} * {{0}} * (1 + {inner})"
        return pointwise(lowering, node, template, [value, root, cubic, 0.5])
    template = "{1} * {0} * (1 + erf{f}({0} * {2}))"
    return pointwise(lowering, node, template, [value, 0.5, math.sqrt(0.5)])
