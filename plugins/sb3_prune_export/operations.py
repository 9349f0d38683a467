"""Operations: core ATen in NumPy, for those that are no single call of NumPy.

Exports hold a copy of the text of the functions that they use, so nothing here may need
more than NumPy, :mod:`math` and other functions of this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-x)))


def softmax(x: np.ndarray, axis: int, half_to_float: bool = False) -> np.ndarray:
    """Return exp(x) / sum(exp(x)) along an axis."""
    del half_to_float
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis=axis, keepdims=True))


def log_softmax(x: np.ndarray, axis: int, half_to_float: bool = False) -> np.ndarray:
    """Return x - log(sum(exp(x))) along an axis."""
    del half_to_float
    shifted = x - x.max(axis=axis, keepdims=True)
    total = np.exp(shifted).sum(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(total))


def gelu(x: np.ndarray, approximate: str = "none") -> np.ndarray:
    """Return x times the standard normal distribution function of x."""
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return np.asarray(0.5 * x * (1 + np.tanh(inner)))
    return np.asarray(0.5 * x * (1 + error_function(x / math.sqrt(2))))


def error_function(x: np.ndarray) -> np.ndarray:
    """Return the error function, which NumPy does not have."""
    values = [math.erf(each) for each in x.ravel().tolist()]
    return np.array(values, x.dtype).reshape(x.shape)


def elu(
    x: np.ndarray, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> np.ndarray:
    """Return scale * x where x > 0, else scale * alpha * (exp(input_scale x) - 1)."""
    below = alpha * np.expm1(np.minimum(x, 0) * input_scale)
    return np.asarray(scale * np.where(x > 0, x, below))


def layer_norm(
    x: np.ndarray,
    shape: Sequence[int],
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    eps: float,
) -> tuple[np.ndarray, ...]:
    """Normalise the last axes to mean 0 and variance 1, then scale and shift."""
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    mean = x.mean(axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + x.dtype.type(eps))
    found = (x - mean) * inverse
    found = found if weight is None else found * weight
    return (found if bias is None else found + bias), mean, inverse


def convolution(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> np.ndarray:
    """Convolve (batch, channels, *size) with (outputs, channels / groups, *kernel)."""
    del output_padding
    if transposed:
        raise ValueError("Transposed convolutions are not supported.")
    outputs, rank = len(weight), len(stride)
    spread = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    seen = windows(x, spread, stride, dilation)  # (batch, channels, *places, *kernel)
    parts = []
    for own, kernel in zip(
        np.split(seen, groups, axis=1), np.split(weight, groups), strict=True
    ):
        axes = [1, *range(2 + rank, 2 + 2 * rank)]
        found = np.tensordot(own, kernel, (axes, list(range(1, 2 + rank))))
        parts.append(np.moveaxis(found, -1, 1))
    result = parts[0] if groups == 1 else np.concatenate(parts, axis=1)
    if bias is None:
        return result
    return np.asarray(result + bias.reshape(outputs, *[1] * rank))


def windows(
    x: np.ndarray,
    size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> np.ndarray:
    """Return the windows over the last axes, (..., *places, *entries of a window)."""
    rank = len(size)
    axes = tuple(range(x.ndim - rank, x.ndim))
    seen = np.lib.stride_tricks.sliding_window_view(x, tuple(size), axes)
    steps: Any = [slice(None, None, step) for step in (*stride, *dilation)]
    return np.asarray(seen[(..., *steps)])


def max_pool(
    x: np.ndarray,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> tuple[np.ndarray, None]:
    """Return the largest value of each window over the last two axes."""
    if ceil_mode:
        raise ValueError("Pooling with ceil_mode is not supported.")
    both = [
        [*each, *each][:2] for each in (kernel, stride or kernel, padding, dilation)
    ]
    size, steps, pads, spread = both
    edges = [(0, 0)] * (x.ndim - 2) + [(pad, pad) for pad in pads]
    wide = [(k - 1) * d + 1 for k, d in zip(size, spread, strict=True)]
    padded = np.pad(x, edges, constant_values=-np.inf) if any(pads) else x
    return windows(padded, wide, steps, spread).max(axis=(-2, -1)), None


def avg_pool(
    x: np.ndarray,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> np.ndarray:
    """Return the mean of each window over the last two axes."""
    if ceil_mode or not count_include_pad:
        raise ValueError("Only pooling that counts its padding is supported.")
    size, steps, pads = [[*e, *e][:2] for e in (kernel, stride or kernel, padding)]
    edges = [(0, 0)] * (x.ndim - 2) + [(pad, pad) for pad in pads]
    seen = windows(np.pad(x, edges), size, steps, (1, 1))
    return np.asarray(seen.mean(axis=(-2, -1), dtype=x.dtype))


def pad_edges(x: np.ndarray, edges: Sequence[int], value: float = 0.0) -> np.ndarray:
    """Pad an array; edges are given from the last axis on, as torch has them."""
    pairs = [(edges[i], edges[i + 1]) for i in range(0, len(edges), 2)][::-1]
    widths = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    return np.pad(x, widths, constant_values=value)


def split_into(x: np.ndarray, sizes: Sequence[int], axis: int = 0) -> list[np.ndarray]:
    """Split an array into parts of the given sizes."""
    return np.split(x, np.cumsum(sizes)[:-1], axis=axis)


def cut(
    x: np.ndarray,
    axis: int = 0,
    begin: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> np.ndarray:
    """Return a slice along one axis."""
    where: list[Any] = [slice(None)] * x.ndim
    where[axis] = slice(begin, end, step)
    return np.asarray(x[tuple(where)])


def pick(x: np.ndarray, axis: int, index: int) -> np.ndarray:
    """Return the part at one index of an axis, without the axis."""
    return np.asarray(np.take(x, index, axis=axis))
