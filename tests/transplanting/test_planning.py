"""Tests for transplanting/planning.py."""

from __future__ import annotations

import pytest
import torch
import zoo

import sb3_prune as sp
from sb3_prune.strategies.scores import product
from sb3_prune.transplanting.building import build
from sb3_prune.transplanting.planning import plan_changes, selection
from transplanting.made import env_of, trained

SAME, ACTS = tuple(range(5)), tuple(range(4))


def test_selection() -> None:
    change = selection((2, None, 0), 3)
    expected = torch.tensor([[0.0, 0, 1], [0, 0, 0], [1, 0, 0]])
    assert torch.equal(change.rows, expected)
    assert torch.equal(change.columns, expected.T)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_nothing_changes_where_nothing_differs(name: str) -> None:
    old = trained(name)
    new = build(old, env_of(name), old.policy_kwargs, 0)
    plan = plan_changes(old, new, SAME, ACTS)
    assert plan.changes == {} and plan.layers == () and plan.heads


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_narrower_layers_keep_their_most_important_units(name: str) -> None:
    old = trained(name)
    new = build(old, env_of(name), {"net_arch": [6, 10]}, 0)
    plan = plan_changes(old, new, SAME, ACTS)
    assert {layer.name for layer in plan.layers} == set(plan.changes)
    for layer, change in plan.changes.items():
        best = product(sp.wire(old)[layer]).topk(6).indices.sort().values
        assert change.kept is not None
        assert torch.equal(change.kept.sort().values, best)


def test_actions_are_inputs_and_outputs() -> None:
    old = trained("SAC")
    new = build(old, env_of("SAC", 5, 3), old.policy_kwargs, 0)
    plan = plan_changes(old, new, SAME, (3, None, 0))
    assert set(plan.changes) == {"outputs 0", "outputs 1", "actions"}
