"""Operations in NumPy equal those of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sb3_prune_export import operations as ops

ATEN = torch.ops.aten
RNG = np.random.default_rng(0)
POOL = ATEN.max_pool2d_with_indices.default
ROW = RNG.normal(size=(2, 6)).astype(np.float32) * 3
IMAGE = RNG.normal(size=(1, 4, 9, 8)).astype(np.float32)


def conv(groups: int, stride: int, padding: int, dilation: int) -> list[Any]:
    weight = RNG.normal(size=(6, 4 // groups, 3, 2)).astype(np.float32)
    bias = RNG.normal(size=6).astype(np.float32)
    pair = [[stride, stride], [padding, padding], [dilation, dilation]]
    return [IMAGE, weight, bias, *pair, False, [0, 0], groups]


CASES: list[tuple[Any, Any, list[Any]]] = [
    (ops.sigmoid, ATEN.sigmoid.default, [ROW]),
    (ops.softmax, ATEN._softmax.default, [ROW, -1, False]),
    (ops.log_softmax, ATEN._log_softmax.default, [ROW, 1, False]),
    (ops.gelu, ATEN.gelu.default, [ROW]),
    (ops.error_function, ATEN.erf.default, [ROW]),
    (ops.elu, ATEN.elu.default, [ROW, 0.7]),
    (ops.layer_norm, ATEN.native_layer_norm.default, [ROW, [6], ROW[0], ROW[1], 1e-5]),
    (ops.layer_norm, ATEN.native_layer_norm.default, [ROW, [6], None, None, 1e-5]),
    (ops.convolution, ATEN.convolution.default, conv(1, 1, 0, 1)),
    (ops.convolution, ATEN.convolution.default, conv(2, 2, 1, 1)),
    (ops.convolution, ATEN.convolution.default, conv(1, 1, 2, 2)),
    (
        ops.max_pool,
        ATEN.max_pool2d_with_indices.default,
        [IMAGE, [3, 2], [2, 2], [1, 1]],
    ),
    (ops.max_pool, POOL, [IMAGE, [2, 2]]),
    (ops.avg_pool, ATEN.avg_pool2d.default, [IMAGE, [3, 2], [2, 1], [1, 1]]),
    (ops.pad_edges, ATEN.constant_pad_nd.default, [IMAGE, [1, 2, 0, 3], -1.0]),
    (ops.split_into, ATEN.split_with_sizes.default, [ROW, [1, 3, 2], 1]),
    (ops.cut, ATEN.slice.Tensor, [ROW, 1, 1, 5, 2]),
    (ops.cut, ATEN.slice.Tensor, [ROW, 0, 0, 2**63 - 1]),
    (ops.pick, ATEN.select.int, [ROW, 1, -2]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_it_equals_torch(case: tuple[Any, Any, list[Any]]) -> None:
    ours, theirs, args = case
    found = ours(*args)
    given = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    expected = theirs(*given)
    if isinstance(expected, torch.Tensor):
        found, expected = [found], [expected]
    elif ours is not ops.split_into:  # Only the first result is used.
        found, expected = found[:1], expected[:1]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other.numpy(), atol=2e-5, rtol=1e-5)


def test_what_is_not_supported_says_so() -> None:
    with pytest.raises(ValueError, match="Transposed"):
        ops.convolution(*conv(1, 1, 0, 1)[:6], True, [0, 0], 1)
    with pytest.raises(ValueError, match="ceil_mode"):
        ops.max_pool(IMAGE, [2, 2], ceil_mode=True)
    with pytest.raises(ValueError, match="padding"):
        ops.avg_pool(IMAGE, [2, 2], count_include_pad=False)
