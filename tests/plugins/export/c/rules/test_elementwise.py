"""Tests for sb3_prune_export/c/rules/elementwise.py."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from sb3_prune.exceptions import ExportError

from .. import running

UNARY: list[Any] = [
    torch.abs, torch.ceil, torch.cos, torch.exp, torch.expm1, torch.floor,
    torch.isinf, torch.isnan, torch.neg, torch.reciprocal, torch.round, torch.sign,
    torch.sin, torch.tanh, torch.trunc, torch.erf, torch.atan, torch.nan_to_num,
    functional.relu, functional.elu, functional.gelu, functional.leaky_relu,
    functional.softplus, functional.silu, functional.mish, functional.hardtanh,
    functional.hardswish, torch.sigmoid, functional.logsigmoid, functional.softsign,
    lambda x: functional.gelu(x, approximate="tanh"), lambda x: functional.elu(x, 0.7),
    lambda x: x**2, lambda x: 2**x, lambda x: x.clamp(max=1), lambda x: x.clamp(min=-1),
    lambda x: torch.remainder(x, 2), lambda x: torch.fmod(x, 2),
    lambda x: torch.add(x, x, alpha=3), lambda x: x.bool().logical_not(),
]  # fmt: skip
"""Operations on any number."""
POSITIVE: list[Any] = [
    torch.log,
    torch.log1p,
    torch.sqrt,
    torch.rsqrt,
    lambda x: x**1.5,
]
BINARY: list[Any] = [
    torch.maximum, torch.minimum, torch.atan2, torch.eq, torch.ne, torch.le, torch.lt,
    torch.where, torch.logical_xor, lambda a, b: a / b, lambda a, b: a.clamp(-b, b),
]  # fmt: skip


def joined(functions: list[Any]) -> Any:
    return lambda *x: torch.cat([f(*x).float() for f in functions], 1)


def test_operations_on_one_number() -> None:
    x = torch.cat([torch.randn(1, 6) * 3, torch.tensor([[0.0, 0.5, 2.5, -2.5]])], 1)
    assert running.difference(joined(UNARY), x) < 1e-5


def test_operations_on_positive_numbers() -> None:
    assert running.difference(joined(POSITIVE), torch.rand(1, 6) + 0.1) < 1e-5


def test_operations_on_two_numbers() -> None:
    usual = [f for f in BINARY if f is not torch.where]
    a, b = torch.randn(1, 6), torch.randn(1, 6)
    b[0, :2] = a[0, :2]
    assert running.difference(joined(usual), a, b) < 1e-5
    assert running.difference(lambda a, b: torch.where(a > b, a, -b), a, b) < 1e-6


def test_bits_are_turned_around_and_compared() -> None:
    def turned(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        whole, other = a.round().long(), b.round().long()
        found = [~(a > 0), (a > 0) ^ (b > 0), ~whole, whole ^ other]
        return torch.cat([bits.float() for bits in found], 1)

    assert running.difference(turned, *torch.randn(2, 1, 8) * 3) < 1e-6


def test_nan_and_infinity_go_through_as_in_torch() -> None:
    odd = torch.tensor([[math.nan, math.inf, -math.inf, 0.0]])
    kept = [functional.relu, torch.tanh, torch.isnan, torch.isinf, torch.nan_to_num]
    kept += [
        lambda x: x.clamp(-1, 1),
        lambda x: torch.maximum(x, x * 0),
        functional.softplus,
    ]
    assert running.difference(joined(kept), odd) < 1e-6


def test_whole_numbers_stay_whole() -> None:
    def counted(n: torch.Tensor) -> torch.Tensor:
        return torch.cat(
            [n + 2**40, n * 3 - 1, -n, n.abs(), n.clamp(-1, 1), n.sign()], 1
        )

    assert running.difference(counted, torch.tensor([[5, -7, 0]])) == 0


def test_truth_values_stay_truth_values() -> None:
    def both(x: torch.Tensor) -> torch.Tensor:
        one, other = x > 0, x > 1
        joined = [one + other, one * other, torch.maximum(one, other)]
        return torch.cat([each.float() for each in joined], 1)

    assert running.difference(both, torch.tensor([[-1.0, 0.5, 2.0]])) == 0


def test_tensors_like_others_are_constant() -> None:
    def filled(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        half, none = torch.full_like(x, 0.5), torch.zeros_like(x)
        return half * x - torch.ones_like(x), none, torch.full_like(x, 2, dtype=int)

    assert running.difference(filled, torch.randn(1, 6)) < 1e-6
    text, _ = running.written(lambda x: x * torch.full_like(x, 0.5), torch.ones(1, 9))
    assert "net_constant" not in text  # One number, not an array of them.


def test_a_factor_is_read_by_position_as_well() -> None:
    add, sub = torch.ops.aten.add.Scalar, torch.ops.aten.sub.Scalar
    x = torch.randn(1, 3)

    def program(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([add(x, 3, 2), sub(x, 3, 2)], 1)

    assert running.difference(program, x) < 1e-6


def test_options_without_a_rule_are_refused_by_name() -> None:
    with pytest.raises(ExportError, match=r"'round' of module.*'decimals': 1"):
        running.written(lambda x: torch.round(x, decimals=1), torch.ones(1, 2))


def test_what_has_no_rule_for_whole_numbers_is_refused() -> None:
    with pytest.raises(ExportError, match="'remainder' of module"):
        running.written(lambda n: n % 3, torch.tensor([[5]]))
    with pytest.raises(ExportError, match="rounding_mode"):
        running.written(
            lambda n: torch.div(n, 2, rounding_mode="floor"), torch.ones(1, 2)
        )
