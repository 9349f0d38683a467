"""Tests for zips.py: SB3 cannot load some of what it saves, and users are told."""

from __future__ import annotations

from typing import Any

import pytest
import saving
import torch
import zoo
from grouping import MaskedGrouping, grouped, grouped_model
from stable_baselines3.common.base_class import BaseAlgorithm

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.exceptions import CheckpointError, UnsupportedPolicyError
from sb3_prune.policies.zips import (
    forgets_widths,
    hindrances,
    other_groups,
    saved_optimizers,
)
from sb3_prune.runs.reloading import reload
from sb3_prune.surgery import add, keep, remove

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
    assert forgets_widths(model)
    surgery.apply(model, {PI: add(3, 9, seed=0)})
    assert not forgets_widths(model) and hindrances(model) == []
    saving.reload(model)


def test_widths_that_sb3_is_told_of_load() -> None:
    model = cut_alone()
    units = sp.wire(model).units()
    told = {
        kind: [units[n] for n in units if f"{net}_net" in n]
        for kind, net in {"pi": "policy", "vf": "value"}.items()
    }
    model.policy_kwargs = {**model.policy_kwargs, "net_arch": told}
    assert hindrances(model) == []
    assert sp.wire(saving.reload(model)).units() == units


def test_finding_out_draws_no_random_numbers() -> None:
    model = cut_alone()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert hindrances(model)
    assert torch.equal(torch.rand(3), expected)


def test_what_cannot_be_traced_any_more_raises_nothing() -> None:
    model: Any = cut_alone()
    extractor = model.policy.mlp_extractor
    model.policy.mlp_extractor = torch.compile(extractor, backend="eager")
    with pytest.raises(UnsupportedPolicyError):
        sp.wire(model)
    (why,) = hindrances(model)  # It does not load, compiled or not.
    assert "since units changed" in why
    with pytest.raises(CheckpointError, match="cannot load what it saves"):
        reload(type(model), model)


def test_a_policy_that_cannot_be_built_again_raises_nothing() -> None:
    model = grouped_model()
    model.policy_kwargs = {"unknown": 1}
    assert hindrances(model) == []
    stock = cut_alone()
    stock.policy_kwargs = {"unknown": 1}
    assert not forgets_widths(stock)


def change(model: BaseAlgorithm) -> None:
    sp.apply(model, {PI: keep(range(9), 12)})


def close(model: BaseAlgorithm) -> None:
    sp.adopt(model)
    sp.mask(model, {PI: remove([0], 12)})


@pytest.mark.parametrize("change_", [change, close])
def test_a_shared_policy_that_another_model_adopted(change_: Any) -> None:
    ours, other = (zoo.make_model("PPO", stock=True) for _ in range(2))
    other.policy = ours.policy
    sp.adopt(ours)
    saving.reload(other)  # Open gates are not in the zip.
    assert hindrances(other) == []
    change_(ours)
    with pytest.raises(RuntimeError, match="loading state_dict"):
        saving.reload(other)
    (why,) = hindrances(other)
    assert why.startswith("ActorCriticPolicy") and "sb3_prune.adopt(model)" in why
    sp.adopt(other)
    assert hindrances(other) == [] and other.policy_class is type(ours.policy)
    saving.reload(other)


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


class Splitting(torch.optim.Adam):
    """A user's optimiser that makes groups of the parameters itself."""

    def __init__(self, params: Any, **kwargs: Any) -> None:
        kinds: dict[bool, list[torch.Tensor]] = {True: [], False: []}
        for tensor in params:
            kinds[tensor.ndim > 1].append(tensor)
        super().__init__([{"params": kind} for kind in kinds.values()], **kwargs)


@pytest.mark.parametrize("stock", [True, False])
@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_groups_that_an_optimiser_makes_itself_load(name: str, stock: bool) -> None:
    kwargs = {"optimizer_class": Splitting}
    model: Any = zoo.make_model(name, stock=stock, policy_kwargs=kwargs)
    zoo.train(model)
    assert hindrances(model) == []
    saving.assert_saved_exactly(model)


def test_other_groups_than_an_optimiser_makes_itself_are_named() -> None:
    kwargs = {"optimizer_class": Splitting}
    model: Any = zoo.make_model("PPO", policy_kwargs=kwargs)
    model.policy.optimizer = grouped(model.policy)
    with pytest.raises(ValueError, match="doesn't match the size"):
        saving.reload(model)
    (why,) = hindrances(model)
    assert "groups of 2 and 10 parameters" in why


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
