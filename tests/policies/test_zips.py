"""Tests for zips.py: SB3 cannot load some of what it saves, and users are told."""

from __future__ import annotations

from typing import Any

import pytest
import saving
import torch
import zoo
from grouping import MaskedGrouping, grouped_model
from stable_baselines3.common.base_class import BaseAlgorithm

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.policies.zips import (
    forgets_widths,
    hindrances,
    other_groups,
    saved_optimizers,
)
from sb3_prune.surgery import add, keep

PI = "mlp_extractor.policy_net.0"


def cut_alone(name: str = "PPO") -> BaseAlgorithm:
    """Return a stock model that was cut by surgery alone."""
    model = zoo.train(zoo.make_model(name, stock=True))
    surgery.apply(model, zoo.random_plan(model.policy))
    return model


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_nothing_is_said_of_what_loads(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    sp.apply(model, zoo.random_plan(model.policy))
    assert hindrances(model) == []


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_the_optimisers_that_a_zip_holds(name: str) -> None:
    found = saved_optimizers(zoo.make_model(name))
    assert found
    assert all(isinstance(o, torch.optim.Optimizer) for o in found.values())
    assert all(len(o.param_groups) == 1 for o in found.values())


def test_a_stock_policy_that_forgets_its_widths_is_to_be_adopted() -> None:
    model = cut_alone()
    with pytest.raises(RuntimeError, match="size mismatch"):
        saving.reload(model)
    (why,) = hindrances(model)
    assert "ActorCriticPolicy" in why and "sb3_prune.adopt(model)" in why
    sp.adopt(model)
    assert hindrances(model) == []
    saving.assert_saved_exactly(model)


def test_widths_that_came_back_are_those_that_are_built() -> None:
    model = zoo.train(zoo.make_model("PPO", stock=True))
    surgery.apply(model, {PI: keep(range(9), 12)})
    assert forgets_widths(model.policy)
    surgery.apply(model, {PI: add(3, 9, seed=0)})
    assert not forgets_widths(model.policy) and hindrances(model) == []
    saving.reload(model)


def test_an_lstm_alone_is_built_as_wide_as_it_is() -> None:
    """SB3 is told its width, so a stock zip loads."""
    model: Any = zoo.train(zoo.make_model("RecurrentPPO", stock=True), 40)
    surgery.apply(model, {"lstm_actor": keep(range(6), 8)})
    assert hindrances(model) == []
    assert saving.reload(model).policy.lstm_actor.hidden_size == 6


def test_groups_of_parameters_that_a_class_does_not_build_are_named() -> None:
    model = grouped_model()
    with pytest.raises(ValueError, match="different number of parameter groups"):
        saving.reload(model)
    (why,) = hindrances(model)
    assert "policy.optimizer (groups of 2 and 10 parameters)" in why


def test_groups_that_a_users_class_builds_load() -> None:
    model = zoo.train(zoo.make_model("PPO", policy=MaskedGrouping))
    assert len(saved_optimizers(model)["policy.optimizer"].param_groups) == 2
    assert hindrances(model) == []
    saving.assert_saved_exactly(model)


def test_an_error_about_groups_names_all_optimisers_that_may_be_meant() -> None:
    """With one group of fewer parameters, only the error tells."""
    model: Any = zoo.make_model("SAC")
    model.actor.optimizer = torch.optim.Adam(model.actor.mu.parameters())
    assert hindrances(model) == []
    # On the error about groups, SB3 looks for an optimiser that only DQN has.
    with pytest.raises(KeyError, match=r"policy\.optimizer") as error:
        saving.reload(model)
    (why,) = hindrances(model, error.value)
    assert "actor.optimizer (groups of 2 parameters)" in why
    assert "critic.optimizer" in why
    assert hindrances(model, ValueError("of another kind")) == []


def test_groups_are_compared_by_the_names_of_optimisers() -> None:
    ours, theirs, sac = grouped_model(), zoo.make_model("PPO"), zoo.make_model("SAC")
    assert other_groups(theirs, theirs) == other_groups(ours, ours) == []
    assert other_groups(ours, sac) == []
    (why,) = other_groups(ours, theirs)
    assert why.startswith("policy.optimizer has 2 groups") and "agent has 1:" in why
