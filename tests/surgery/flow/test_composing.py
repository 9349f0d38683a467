"""Tests for surgery/flow/composing.py: sums, products, and all else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from training_code import Noisy, Resetting

from sb3_prune.surgery.flow.composing import CURVE, PRODUCT, SUMS, composed
from sb3_prune.surgery.flow.slots import Side

from .tiny import Net, TinyPolicy, groups, matrix

A, B, NOTHING = {1}, {2}, set[int]()


@pytest.mark.parametrize(
    ("name", "sources", "expected"),
    [
        ("transpose", [A], SUMS),
        ("cat", [A, B], SUMS),
        ("mul", [A], SUMS),
        ("add", [A, B], SUMS),
        ("sub", [A, A], SUMS),
        ("add", [A], CURVE),
        ("add", [A, NOTHING], CURVE),
        ("mul", [A, B], PRODUCT),
        ("matmul", [A, NOTHING], PRODUCT),
        ("mul", [A, A], CURVE),
        ("pow", [A], CURVE),
        ("a_new_operation", [A, B], CURVE),
    ],
)
def test_a_call_is_a_sum_or_a_product_or_something_else(
    name: str, sources: Any, expected: int
) -> None:
    assert composed(name, sources) == expected


READERS: dict[str, tuple[Any, set[Side]]] = {
    "plain": (lambda n: n.v, set()),
    "sum": (lambda n: (n.v + n.m).T.T, set()),
    "joined": (lambda n: torch.cat([n.v * 2, n.m]), set()),
    "half": (lambda n: n.v * 0.5, set()),
    "halved": (lambda n: n.v / 2, set()),
    "divided": (lambda n: torch.div(n.v, 2), set()),
    "inverse": (lambda n: 2 / (n.v + n.v), {Side.COLUMNS}),
    "scaled rows": (lambda n: n.v * n.s, set()),
    "shifted": (lambda n: n.v + 0.1, {Side.COLUMNS}),
    "product": (lambda n: n.v * n.m, {Side.COLUMNS}),
    "noisy": (lambda n: n.v + n.m * n.v, {Side.COLUMNS}),
    "square": (lambda n: n.v * n.v, {Side.COLUMNS}),
    "exponential": (lambda n: n.v.exp(), {Side.COLUMNS}),
    "late": (lambda n: (n.v * n.m).T.contiguous().T, {Side.COLUMNS}),
}


@pytest.mark.parametrize("name", READERS)
def test_a_product_of_factors_with_the_same_units_is_told(name: str) -> None:
    make, sides = READERS[name]

    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(net.a(x).relu(), make(net))

    net = Net(run, a=nn.Linear(5, 8), v=matrix(4, 8), m=matrix(4, 8), s=matrix(4, 1))
    assert groups(TinyPolicy(net))["a"].composed == sides


def test_a_computed_weight_and_a_computed_bias_make_units() -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return net.b(functional.linear(x, net.w, net.v * net.m))

    parts = {"w": matrix(8, 5), "v": matrix(8), "m": matrix(8)}
    net = Net(run, b=nn.Linear(8, 4), **parts)
    assert groups(TinyPolicy(net))["w"].composed == {Side.ROWS}


def test_a_product_of_three_with_two_weights_is_told() -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bi,oi,oi->bo", net.a(x).relu(), net.v, net.m)

    net = Net(run, a=nn.Linear(5, 8), v=matrix(4, 8), m=matrix(4, 8))
    assert groups(TinyPolicy(net))["a"].composed == {Side.COLUMNS}


class Bent(Resetting):
    """Bends its noise each time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the product with the mean and the noise."""
        weight = self.mean + self.scale * self.get_buffer("noise").sign()
        return functional.linear(x, weight, self.bias)


@pytest.mark.parametrize(
    ("cls", "sides"), [(Resetting, set()), (Bent, set()), (Noisy, {Side.COLUMNS})]
)
def test_noise_that_is_drawn_anew_is_no_factor(cls: Any, sides: set[Side]) -> None:
    """Of NoisyNets, units are added and merged, if their noise is told to be drawn."""

    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return net.b(net.a(x).relu())

    policy = TinyPolicy(Net(run, a=nn.Linear(5, 8), b=cls(8, 4)))
    assert groups(policy)["a"].composed == sides
