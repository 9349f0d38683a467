"""Tests for surgery/flow/unseen.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from surgery.flow.tiny import Net, TinyPolicy, groups, matrix

WIDTHS = (8, 7, 6)
"""Units of three layers in a row."""


def with_extra(extra: Any) -> TinyPolicy:
    """Return a policy of three layers beside which something is never used."""
    first, second, third = nn.Linear(5, 8), nn.Linear(8, 7), nn.Linear(7, 6)
    net = Net(lambda n, x: n.c(n.b(n.a(x))), a=first, b=second, c=third, extra=extra)
    return TinyPolicy(net)


def free(policy: TinyPolicy) -> set[int]:
    """Return the units of the layers that may be cut."""
    return {g.units for n, g in groups(policy).items() if n in "abc" and not g.fixed}


EXTRAS: dict[str, tuple[Callable[[], Any], set[int]]] = {
    "nothing": (nn.Identity, {8, 7, 6}),
    "a-linear-reads-its-inputs": (lambda: nn.Linear(8, 7), {7, 6}),
    "a-bias-reads-nothing": (lambda: nn.Linear(3, 7), {8, 7, 6}),
    "a-convolution-reads-channels": (lambda: nn.Conv1d(7, 8, 6), {8, 6}),
    "a-transposed-convolution-reads-channels": (
        lambda: nn.ConvTranspose1d(7, 8, 6),
        {8, 6},
    ),
    "a-grouped-convolution-reads-all-channels": (
        lambda: nn.Conv1d(8, 4, 3, groups=4),
        {7, 6},
    ),
    "a-network-reads-at-its-front": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)),
        {8, 7},
    ),
    "a-network-that-does-not-fit-is-two": (
        lambda: nn.Sequential(nn.Linear(6, 9), nn.GLU(), nn.Linear(8, 1)),
        {7},
    ),
    "a-bare-matrix-may-hold-units-anywhere": (lambda: matrix(8, 7), {6}),
    "one-number-holds-none": (lambda: matrix(1), {8, 7, 6}),
    "a-norm-may-stand-beside-units": (lambda: nn.LayerNorm(6), {8, 7}),
    "a-norm-counts-batches": (lambda: nn.BatchNorm1d(9, affine=False), {8, 7, 6}),
}


@pytest.mark.parametrize("name", EXTRAS)
def test_units_stay_that_something_unused_may_hold(name: str) -> None:
    make, expected = EXTRAS[name]
    assert free(with_extra(make())) == expected


def test_the_reason_names_the_tensor_and_the_way_out() -> None:
    found = groups(with_extra(nn.Linear(8, 2)))
    assert found["a"].fixed == (
        "no forward reads 'net.extra.weight', which may read these units: declare a "
        "forward that does, by a method extra_forwards of the policy"
    )


class Noisy(nn.Linear):
    """A Linear whose weight is noisy, but only in training."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.noise = matrix(outputs, inputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight + self.noise if self.training else self.weight
        return nn.functional.linear(x, weight, self.bias)


class Reset(Noisy):
    """A noisy Linear whose noise only some other code sets and uses."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight, self.bias)


def test_a_tensor_beside_a_weight_that_is_used_may_hold_its_units() -> None:
    """It makes and reads the same units as the weight, so both sides stay."""
    policy = with_extra(nn.Identity())
    policy.net.b = Reset(8, 7)
    assert free(policy) == {6}


def test_a_tensor_that_training_reads_is_seen() -> None:
    policy = with_extra(nn.Identity())
    policy.net.b = Noisy(8, 7)
    assert free(policy) == {8, 7, 6}


def test_an_axis_of_several_layers_stays_as_a_whole() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(torch.cat([n.a(x), n.b(x)], dim=1))

    a, b, out = nn.Linear(5, 8), nn.Linear(5, 6), nn.Linear(14, 4)
    found = groups(TinyPolicy(Net(run, a=a, b=b, out=out, cost=nn.Linear(14, 1))))
    assert [name for name, group in found.items() if group.fixed is None] == ["out"]
