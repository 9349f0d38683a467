"""Tests for decay.py."""

from __future__ import annotations

import copy

import torch
from sb3_prune_xinet.decay import add_decay, restore_decay


def adam(*decays: float) -> torch.optim.Optimizer:
    groups = [{"params": [torch.ones(2)], "weight_decay": decay} for decay in decays]
    return torch.optim.Adam(groups)


def decays(optimizer: torch.optim.Optimizer) -> list[float]:
    return [group["weight_decay"] for group in optimizer.param_groups]


def test_it_is_added_once_to_every_group() -> None:
    optimizer = adam(0.1, 0.0)
    for _ in range(2):
        add_decay(optimizer, 0.5)
        assert decays(optimizer) == [0.6, 0.5]
    add_decay(optimizer, 0.25)
    assert decays(optimizer) == [0.35, 0.25]


def test_restoring_leaves_no_trace() -> None:
    optimizer = adam(0.1, 0.0)
    before = copy.deepcopy(optimizer.state_dict())
    add_decay(optimizer, 0.5)
    for _ in range(2):
        restore_decay(optimizer)
        assert optimizer.state_dict() == before


def test_a_saved_optimizer_knows_its_own_decay() -> None:
    optimizer, other = adam(0.1), adam(0.7)
    add_decay(optimizer, 0.5)
    other.load_state_dict(optimizer.state_dict())
    add_decay(other, 0.5)
    assert decays(other) == [0.6]
    restore_decay(other)
    assert decays(other) == [0.1]


def test_it_is_the_gradient_of_the_squared_weights() -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    add_decay(optimizer, 0.5)
    weight.grad = torch.zeros(2)
    optimizer.step()
    expected = torch.tensor([3.0, -2.0]) * (1 - 0.1 * 0.5)
    torch.testing.assert_close(weight.detach(), expected)


def test_an_optimizer_without_decay_is_left_alone() -> None:
    optimizer = torch.optim.LBFGS([torch.ones(2)])
    before = copy.deepcopy(optimizer.param_groups)
    add_decay(optimizer, 0.5)
    restore_decay(optimizer)
    assert optimizer.param_groups[0].keys() == before[0].keys()
