"""Rules of operations that normalise, pool or reduce units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sb3_prune.surgery.flow.axes import fix, free, opaque, unify
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.rules.table import RULES, Rule, place, places, rule
from sb3_prune.surgery.flow.slots import Side

if TYPE_CHECKING:
    from sb3_prune.surgery.flow.tracer import Tracer


@rule("batch_norm", "instance_norm")
def _batch_norm(tracer: Tracer, out: Tensor, input: Tensor, *a: Any, **k: Any) -> None:
    channels = tracer.axes(input)[1]
    for tensor in leaves((a, k)):
        unify(channels, tracer.axes(tensor)[0], "batch_norm")
        tracer.holds(tensor, 0, Side.UNIT)
    tracer.like(out, tracer.axes(input), input)


@rule("layer_norm", "rms_norm")
def _layer_norm(
    tracer: Tracer, out: Tensor, input: Tensor, normalized_shape: Any, *a: Any, **k: Any
) -> None:
    count = len(normalized_shape)
    normalised = tracer.axes(input)[-count:]
    for tensor in leaves((a, k)):
        for i, axis in enumerate(normalised):
            unify(axis, tracer.axes(tensor)[i], "layer_norm")
            tracer.holds(tensor, i, Side.UNIT)
    for axis in normalised:
        tracer.mix(axis, "layer_norm")
    tracer.like(out, tracer.axes(input), input)


@rule("group_norm")
def _group_norm(
    tracer: Tracer, out: Tensor, input: Tensor, num_groups: int, *a: Any, **k: Any
) -> None:
    channels = tracer.axes(input)[1]
    for tensor in leaves((a, k)):
        unify(channels, tracer.axes(tensor)[0], "group_norm")
        tracer.holds(tensor, 0, Side.UNIT)
    if num_groups == 1:
        tracer.mix(channels, "group_norm")
    else:
        fix(channels, "group_norm has several groups")
    tracer.like(out, tracer.axes(input), input)


@rule("prelu")
def _prelu(tracer: Tracer, out: Tensor, input: Tensor, weight: Tensor) -> None:
    if weight.numel() > 1:
        unify(tracer.axes(input)[1], tracer.axes(weight)[0], "prelu")
        tracer.holds(weight, 0, Side.UNIT)
    tracer.like(out, tracer.axes(input), input)


@rule("softmax", "log_softmax", "softmin", "cumsum", "logcumsumexp", "cumprod")
def _softmax(
    tracer: Tracer, out: Tensor, input: Tensor, dim: Any = None, *_: Any, **__: Any
) -> None:
    axis = place(input, -1 if dim is None else dim)
    tracer.mix(tracer.axes(input)[axis], "softmax")
    tracer.like(out, tracer.axes(input), input)


@rule(
    *("all", "amax", "amin", "any", "argmax", "argmin", "count_nonzero", "is_all_true"),
    *("logsumexp", "max", "mean", "median", "min", "nansum", "norm", "prod"),
    *("std", "std_mean", "sum", "var", "var_mean"),
)
def _reduce(tracer: Tracer, out: Any, input: Tensor, *a: Any, **k: Any) -> None:
    outs = list(leaves(out))
    if any(isinstance(t, Tensor) for t in (*a, *k.values())):  # max(a, b)
        tracer.elementwise([input, *leaves((a, k))], outs, "max")
        return
    over, axes = _over(input, a, k), tracer.axes(input)
    for tensor in outs:
        if tensor.dtype != torch.bool:
            for axis in over:
                tracer.mix(axes[axis], "a reduction")
        kept = tensor.ndim == input.ndim
        left = [
            free(1) if i in over else axis
            for i, axis in enumerate(axes)
            if kept or i not in over
        ]
        tracer.like(tensor, left, input)


@rule("linalg_norm", "linalg_vector_norm")
def _norm(
    tracer: Tracer, out: Tensor, input: Tensor, ord: Any = None, *a: Any, **k: Any
) -> None:
    del ord  # Not an axis, although it may be a number.
    RULES["norm"](tracer, out, input, *a, **k)


def _over(input: Tensor, a: tuple[Any, ...], k: dict[str, Any]) -> list[int]:
    """Return the axes that an operation reduces over."""
    dim = k.get("dim", k.get("axis"))
    for value in a:
        is_flag = isinstance(value, bool)
        if isinstance(value, int | tuple | list) and not is_flag and dim is None:
            dim = value
    return list(range(input.ndim)) if dim in (None, ()) else places(input, dim)


def _pool(space: int) -> Rule:
    """Return the rule of pooling over the last axes."""

    def apply(tracer: Tracer, out: Any, input: Tensor, *_: Any, **__: Any) -> None:
        axes = tracer.axes(input)
        for axis in axes[-space:]:
            fix(axis, "pooling slides along this axis")
        for tensor in leaves(out):
            new = [opaque(n, "a position") for n in tensor.shape[-space:]]
            tracer.like(tensor, [*axes[:-space], *new], input)

    return apply


_POOLS = "max_pool avg_pool adaptive_avg_pool adaptive_max_pool lp_pool"
for _space in (1, 2, 3):
    for _kind in _POOLS.split():
        RULES[f"{_kind}{_space}d"] = _pool(_space)
        if "max" in _kind:
            RULES[f"{_kind}{_space}d_with_indices"] = _pool(_space)
