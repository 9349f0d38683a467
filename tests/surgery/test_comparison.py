"""Tests for surgery/comparison.py."""

from __future__ import annotations

import torch
import zoo

import sb3_prune as sp
from sb3_prune.surgery.comparison import moved, outputs


def test_outputs_are_named_repeatable_and_leave_no_trace() -> None:
    policy = zoo.copied("SAC")
    before = zoo.snapshot(policy)
    said = outputs(policy)
    assert {"actor", "critic", "critic_target"} <= {name for name, _ in said}
    assert set(moved(said, outputs(policy)).values()) == {0.0}
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_outputs_with_drawn_noise_are_left_out() -> None:
    env = zoo.gym.make("Pendulum-v1")
    policy = zoo.make_model("SAC", env=env, use_sde=True).policy
    assert "actor" not in {name for name, _ in outputs(policy)}


def test_movement_is_relative_to_what_is_larger_than_one() -> None:
    small, large = torch.tensor([0.5, 0.1]), torch.tensor([0.0, 10.0])
    before = [("a", small), ("a", large), ("b", small)]
    after = [("a", small + 0.25), ("a", large + 1), ("b", small)]
    assert moved(before, after) == {"a": 0.25, "b": 0.0}


def test_what_became_no_number_moved_infinitely() -> None:
    one = torch.tensor([1.0])
    assert moved([("a", one)], [("a", one * torch.nan)]) == {"a": torch.inf}


def test_equal_infinities_have_not_moved() -> None:
    x = torch.tensor([[1.0, -torch.inf], [2.0, torch.inf]], dtype=torch.float64)
    y = x + torch.tensor([[0.5, 0.0], [0.0, 0.0]])
    assert moved([("f", x)], [("f", y)]) == {"f": 0.25}
    assert moved([("f", x)], [("f", -x)]) == {"f": torch.inf}


def test_choices_can_be_left_out() -> None:
    policy = zoo.make_model("DQN").policy
    names = [name for name, _ in outputs(policy)]
    values = [name for name, _ in outputs(policy, choices=False)]
    assert set(names) - set(values) == {"_predict"}


def test_constants_fold_where_branches_are_padded_with_infinity() -> None:
    model = zoo.make_model("BranchingDQN")
    layer = next(iter(sp.wire(model).values()))
    for twin in layer.with_targets():
        twin.module.weight.data[0] = 0.0  # type: ignore[operator, union-attr]
        twin.module.bias.data[0] = 0.7  # type: ignore[operator, union-attr]
    assert not sp.apply(model, {layer.name: sp.remove([0], layer.units)}).unfolded
