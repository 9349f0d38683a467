"""Rules: what each core ATen operation is in NumPy, as an expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sb3_prune_export import operations as ops

Rule = str | Callable[..., Any]
"""A template, in which ``{0}`` is the first argument, or a function of NumPy's."""

RULES: dict[str, Rule] = {
    "abs.default": "np.abs({0})",
    "add.Scalar": "{0} + {1}",
    "add.Tensor": "{0} + {1}",
    "addmm.default": "{1} @ {2} + {0}",
    "alias.default": "{0}",
    "amax.default": "{0}.max(axis={axes}, keepdims={2})",
    "amin.default": "{0}.min(axis={axes}, keepdims={2})",
    "argmax.default": "{0}.argmax(axis={1}, keepdims={2})",
    "atan.default": "np.arctan({0})",
    "avg_pool2d.default": ops.avg_pool,
    "bitwise_and.Tensor": "{0} & {1}",
    "bitwise_not.default": "~{0}",
    "bitwise_or.Tensor": "{0} | {1}",
    "bitwise_xor.Tensor": "{0} ^ {1}",
    "bmm.default": "{0} @ {1}",
    "cat.default": "np.concatenate({0}, axis={1})",
    "clamp.Tensor": "np.clip({0}, {1}, {2})",
    "clamp.default": "{0}.clip({1}, {2})",
    "clone.default": "{0}",
    "constant_pad_nd.default": ops.pad_edges,
    "convolution.default": ops.convolution,
    "cos.default": "np.cos({0})",
    "div.Scalar": "{0} / {1}",
    "div.Tensor": "{0} / {1}",
    "elu.default": ops.elu,
    "eq.Scalar": "{0} == {1}",
    "eq.Tensor": "{0} == {1}",
    "erf.default": ops.error_function,
    "exp.default": "np.exp({0})",
    "expand.default": "np.broadcast_to({0}, {shape})",
    "expm1.default": "np.expm1({0})",
    "full.default": "np.full({shape}, {1}, {dtype})",
    "full_like.default": "np.full({shape}, {1}, {dtype})",
    "ge.Scalar": "{0} >= {1}",
    "ge.Tensor": "{0} >= {1}",
    "gelu.default": ops.gelu,
    "gt.Scalar": "{0} > {1}",
    "gt.Tensor": "{0} > {1}",
    "hardtanh.default": "{0}.clip({1}, {2})",
    "le.Scalar": "{0} <= {1}",
    "le.Tensor": "{0} <= {1}",
    "leaky_relu.default": "np.where({0} > 0, {0}, {0} * {1})",
    "log.default": "np.log({0})",
    "log1p.default": "np.log1p({0})",
    "_log_softmax.default": ops.log_softmax,
    "logical_and.default": "np.logical_and({0}, {1})",
    "logical_not.default": "np.logical_not({0})",
    "logical_or.default": "np.logical_or({0}, {1})",
    "lt.Scalar": "{0} < {1}",
    "lt.Tensor": "{0} < {1}",
    "max_pool2d_with_indices.default": ops.max_pool,
    "maximum.default": "np.maximum({0}, {1})",
    "mean.dim": "{0}.mean(axis={axes}, keepdims={2})",
    "minimum.default": "np.minimum({0}, {1})",
    "mm.default": "{0} @ {1}",
    "mul.Scalar": "{0} * {1}",
    "mul.Tensor": "{0} * {1}",
    "native_layer_norm.default": ops.layer_norm,
    "ne.Scalar": "{0} != {1}",
    "ne.Tensor": "{0} != {1}",
    "neg.default": "-{0}",
    "ones_like.default": "np.ones({shape}, {dtype})",
    "permute.default": "{0}.transpose({1})",
    "pow.Tensor_Scalar": "{0} ** {1}",
    "pow.Tensor_Tensor": "{0} ** {1}",
    "reciprocal.default": "1 / {0}",
    "relu.default": "np.maximum({0}, 0)",
    "round.default": "np.round({0})",
    "rsqrt.default": "1 / np.sqrt({0})",
    "scalar_tensor.default": "np.full((), {0}, {dtype})",
    "select.int": ops.pick,
    "sigmoid.default": ops.sigmoid,
    "sign.default": "np.sign({0})",
    "sin.default": "np.sin({0})",
    "slice.Tensor": ops.cut,
    "_softmax.default": ops.softmax,
    "split_with_sizes.default": ops.split_into,
    "sqrt.default": "np.sqrt({0})",
    "squeeze.dim": "{0}.reshape({shape})",
    "squeeze.dims": "{0}.reshape({shape})",
    "sub.Scalar": "{0} - {1}",
    "sub.Tensor": "{0} - {1}",
    "sum.dim_IntList": "{0}.sum(axis={axes}, keepdims={2})",
    "tanh.default": "np.tanh({0})",
    "_to_copy.default": "{0}.astype({dtype})",
    "unsqueeze.default": "{0}.reshape({shape})",
    "view.default": "{0}.reshape({shape})",
    "where.self": "np.where({0}, {1}, {2})",
    "zeros_like.default": "np.zeros({shape}, {dtype})",
}
"""Operation, without ``aten.`` -> rule. Beside the arguments a template may have
``{shape}`` and ``{dtype}`` of the result, and ``{axes}``, the second argument as a
tuple."""
DEFAULTS: dict[str, dict[int, Any]] = {
    "amax.default": {1: [], 2: False},
    "amin.default": {1: [], 2: False},
    "argmax.default": {1: None, 2: False},
    "cat.default": {1: 0},
    "clamp.Tensor": {1: None, 2: None},
    "clamp.default": {1: None, 2: None},
    "hardtanh.default": {1: -1.0, 2: 1.0},
    "leaky_relu.default": {1: 0.01},
    "mean.dim": {1: None, 2: False},
    "sum.dim_IntList": {1: None, 2: False},
}
"""Operation -> position -> default of arguments that may be left out."""
IGNORED = frozenset({"dtype", "device", "layout", "pin_memory", "memory_format"})
"""Keyword arguments that say nothing that the type of the result does not say."""
SCALED = {"add.Scalar": 2, "sub.Scalar": 2}
"""Operation -> position of a factor of the second operand, which has no rule."""
