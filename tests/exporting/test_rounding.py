"""Rounding is that of float32, and zero where it cannot be measured."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sb3_prune.exporting.rounding import rounding


class Sum(nn.Module):
    """Adds up what it reads, times a weight of one."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum of each row."""
        return (x * self.one).sum(dim=1)


def ask(policy: nn.Module, x: torch.Tensor) -> Any:
    """Ask for a sum, and for what needs no rounding."""
    return {"sum": policy(x), "beside": [x[:, 0]]}


def test_what_float32_loses() -> None:
    x = torch.tensor([[1e8, 1.0], [1.0, 1.0]])  # float32 has steps of 8 at 1e8.
    assert rounding(Sum(), ask, [x]) == [1.0, 0.0]


def test_no_rounding_of_whole_numbers() -> None:
    assert rounding(Sum(), ask, [torch.arange(6).reshape(3, 2)]) == [0.0, 0.0]


def test_what_is_not_finite_does_not_count() -> None:
    x = torch.tensor([[float("nan"), 1.0], [float("inf"), 1.0], [1e8, 1.0]])
    assert rounding(Sum(), ask, [x])[0] == 1.0


def test_nothing_is_granted_to_what_needs_float32() -> None:
    def needs(policy: nn.Module, x: torch.Tensor) -> torch.Tensor:
        if x.dtype != torch.float32:
            raise TypeError(x.dtype)
        return policy(x)  # type: ignore[no-any-return]

    assert rounding(Sum(), needs, [torch.tensor([[1e8, 1.0]])]) == [0.0]


@pytest.mark.parametrize("training", [True, False])
def test_the_policy_stays_as_it_is(training: bool) -> None:
    policy = Sum().train(training)
    rounding(policy, ask, [torch.ones(2, 2)])
    assert policy.training == training
    assert policy.one.dtype == torch.float32
