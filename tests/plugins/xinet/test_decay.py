"""Tests for decay.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from sb3_prune_xinet.decay import add_decay

WEIGHTS = torch.tensor([3.0, -2.0])


def optimizer_of(*decays: float, kind: Any = torch.optim.SGD) -> Any:
    """Make an optimiser of as many weights, whose gradients are zero."""
    groups = []
    for decay in decays:
        weight = torch.nn.Parameter(WEIGHTS.clone())
        weight.grad = torch.zeros(2)
        groups.append({"params": [weight], "weight_decay": decay})
    return kind(groups, lr=0.1)


def weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [group["params"][0].detach() for group in optimizer.param_groups]


def test_it_is_the_gradient_of_the_squared_weights_in_every_group() -> None:
    optimizer = optimizer_of(0.2, 0.0)
    add_decay(optimizer, 0.5)
    optimizer.step()
    for found, decay in zip(weights(optimizer), (0.7, 0.5), strict=True):
        torch.testing.assert_close(found, WEIGHTS * (1 - 0.1 * decay))


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_whoever_looks_between_steps_sees_the_optimisers_own(kind: Any) -> None:
    optimizer = optimizer_of(0.2, 0.0, kind=kind)
    before = copy.deepcopy(optimizer.state_dict()["param_groups"])
    add_decay(optimizer, 0.5)
    for _ in range(2):
        assert optimizer.state_dict()["param_groups"] == before
        optimizer.step()
    assert optimizer.state_dict()["param_groups"] == before


def test_a_decay_that_changes_meanwhile_is_kept() -> None:
    optimizer = optimizer_of(0.2)
    add_decay(optimizer, 0.5)
    optimizer.param_groups[0]["weight_decay"] = 0.3
    optimizer.step()
    torch.testing.assert_close(weights(optimizer)[0], WEIGHTS * (1 - 0.1 * 0.8))
    assert optimizer.param_groups[0]["weight_decay"] == 0.3


def test_it_can_be_taken_away_again() -> None:
    optimizer = optimizer_of(0.0)
    for handle in add_decay(optimizer, 0.5):
        handle.remove()
    optimizer.step()
    assert torch.equal(weights(optimizer)[0], WEIGHTS)


def test_an_optimizer_without_decay_is_left_alone() -> None:
    optimizer = torch.optim.LBFGS([torch.ones(2)])
    assert add_decay(optimizer, 0.5) == []
    assert "weight_decay" not in optimizer.param_groups[0]
