"""Tests for applying.py: a stock model that was cut can be saved, loaded and pruned."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import saving
import zoo
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.dqn.policies import DQNPolicy

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.exceptions import PlanError
from sb3_prune.surgery import keep

every_stock = pytest.mark.parametrize("name", zoo.STOCK)


def stock(name: str, **kwargs: Any) -> BaseAlgorithm:
    return zoo.train(zoo.make_model(name, stock=True, **kwargs))


@every_stock
def test_a_cut_stock_model_is_saved_and_loaded(name: str) -> None:
    model = stock(name)
    built, policy = sp.wire(model).units(), model.policy
    report = sp.apply(model, zoo.random_plan(policy))
    assert model.policy is policy
    assert type(policy) is model.policy_class is zoo.CASES[name][1]
    assert {n: was for n, (was, _) in report.units.items()} == built
    saving.assert_saved_exactly(model)
    for each in (model, saving.reload(model)):
        assert dict(sp.wire(each).built) == built
        assert sp.wire(each).units() == {n: now for n, (_, now) in report.units.items()}


@every_stock
def test_gates_change_nothing_of_the_cut(name: str) -> None:
    """Weights, optimisers, outputs and training are those of the cut alone."""
    ours, alone = stock(name), stock(name)
    plan = zoo.random_plan(ours.policy)
    sp.apply(ours, plan)
    surgery.apply(alone, plan)
    assert zoo.equal(zoo.says(ours.policy), zoo.says(alone.policy))
    for model in (ours, alone):
        zoo.update(model, 4)
    assert zoo.equal(dict(ours.policy.state_dict()), dict(alone.policy.state_dict()))


def test_sparsity_counts_from_what_was_built() -> None:
    model = stock("PPO", policy_kwargs={"net_arch": [20]})
    sp.apply(model, {n: keep(range(10), 20) for n in sp.wire(model)})
    for sparsity, units in ((0.5, 10), (0.75, 5)):
        config = {"final_sparsity": sparsity, "compensate": False}
        sp.prune(model, "magnitude", config)
        assert set(sp.wire(model).units().values()) == {units}


def test_the_policy_of_a_wired_model_stands_for_it() -> None:
    model = stock("SAC")
    sp.apply(model.policy, zoo.random_plan(model.policy))
    assert type(model.policy) is model.policy_class  # It did not know its model.
    sp.wire(model)
    sp.apply(model.policy, {n: keep([0], k) for n, k in sp.wire(model).units().items()})
    assert type(model.policy) is model.policy_class is sp.MaskedSACPolicy
    assert set(sp.wire(saving.reload(model)).units().values()) == {1}
    assert set(sp.wire(model).built.values()) == set(zoo.ARCH)


def test_what_changes_nothing_leaves_a_stock_model_as_it_is() -> None:
    model = stock("SAC")
    cls, before = type(model.policy), zoo.snapshot(model.policy)
    sp.apply(model, {})
    with pytest.raises(PlanError, match="expects 99 units"):
        sp.apply(model, {n: keep([0], 99) for n in sp.wire(model)})
    assert type(model.policy) is model.policy_class is cls
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


def test_a_policy_alone_stays_what_it_is() -> None:
    policy = stock("DQN").policy
    sp.apply(policy, zoo.random_plan(policy))
    assert type(policy) is DQNPolicy
    assert set(sp.wire(policy).built.values()) == set(zoo.ARCH)


class OwnPolicy(DQNPolicy):
    """A user's policy, whose class builds the widths of its arguments."""


class MaskedOwnPolicy(sp.MaskedPolicyMixin, OwnPolicy):
    """Its masked class."""


class Resizing(DQNPolicy):
    """A user's policy that can load other widths."""

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


def test_a_users_policy_is_cut_with_a_warning_that_tells_what_to_write() -> None:
    model = zoo.make_model("DQN", policy=OwnPolicy)
    plan = zoo.random_plan(model.policy)
    with pytest.warns(UserWarning, match="cannot be loaded.*OwnPolicy") as told:
        sp.apply(model, plan)
    assert told[0].filename == __file__
    assert "class MaskedOwnPolicy(MaskedPolicyMixin, OwnPolicy)" in str(told[0].message)
    assert type(model.policy) is OwnPolicy
    assert "built with 12" in repr(sp.wire(model))
    model.policy_class = MaskedOwnPolicy  # As the warning says.
    assert dict(sp.wire(saving.reload(model)).built) == dict(sp.wire(model).built)


@pytest.mark.parametrize("policy", [MaskedOwnPolicy, Resizing])
def test_a_policy_that_can_load_its_widths_is_cut_without_a_word(policy: Any) -> None:
    model = zoo.make_model("DQN", policy=policy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sp.apply(model, zoo.random_plan(model.policy))
    assert type(model.policy) is policy
