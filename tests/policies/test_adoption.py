"""Tests for policies/adopt.py."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import saving
import zoo
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.policies import gating
from sb3_prune.surgery import apply


@pytest.mark.parametrize("name", zoo.STOCK)
def test_a_stock_model_becomes_the_masked_one(name: str) -> None:
    model = zoo.train(zoo.make_model(name, stock=True))
    policy, before = model.policy, zoo.snapshot(model.policy)
    assert sp.adopt(model) is policy
    after = zoo.snapshot(policy)
    assert type(policy) is model.policy_class is zoo.CASES[name][1]
    assert after["identities"] == before["identities"]
    sp.apply(model, zoo.random_plan(policy))
    zoo.train_on(model)


@pytest.mark.parametrize("name", zoo.STOCK)
def test_an_adopted_model_trains_on_as_the_stock_one(name: str) -> None:
    adopted, stock = (zoo.train(zoo.make_model(name, stock=True)) for _ in range(2))
    sp.adopt(adopted)
    for model in (adopted, stock):
        zoo.update(model, 8)
    assert zoo.equal(dict(adopted.policy.state_dict()), dict(stock.policy.state_dict()))


@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN"])
def test_a_loaded_stock_zip_is_adopted_cut_saved_and_loaded(name: str) -> None:
    stock, buffer = zoo.make_model(name, stock=True), io.BytesIO()
    stock.save(buffer)
    buffer.seek(0)
    model = type(stock).load(buffer, env=zoo.make_env(name), device="cpu")
    sp.adopt(model)
    assert np.array_equal(zoo.actions(model), zoo.actions(stock))
    sp.apply(model, zoo.random_plan(model.policy))
    second = io.BytesIO()
    model.save(second)
    second.seek(0)
    again = type(stock).load(second, env=zoo.make_env(name), device="cpu")
    assert again.policy.wiring().units() == model.policy.wiring().units()
    assert np.array_equal(zoo.actions(again), zoo.actions(model))
    zoo.train(again)


@pytest.mark.parametrize("name", zoo.STOCK)
def test_widths_that_were_built_are_remembered_if_cut_before(name: str) -> None:
    model = zoo.train(zoo.make_model(name, stock=True))
    built = sp.wire(model).units()
    apply(model, zoo.random_plan(model.policy))
    policy = sp.adopt(model)
    assert policy.initial_units == built != policy.wiring().units()
    loaded: Any = saving.reload(model)
    assert loaded.policy.initial_units == built
    assert loaded.policy.wiring().units() == policy.wiring().units()


def test_a_masked_model_stays_as_it_is() -> None:
    model = zoo.make_model("SAC")
    before = zoo.snapshot(model.policy)
    assert sp.adopt(model) is model.policy
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


class OwnPolicy(DQNPolicy):
    """A user's policy."""


def test_a_users_policy_is_refused_with_the_way_out() -> None:
    model = zoo.make_model("DQN", policy=OwnPolicy)
    with pytest.raises(UnsupportedPolicyError) as error:
        sp.adopt(model)
    message = str(error.value)
    assert "OwnPolicy" in message and "SACPolicy" in message
    assert f"from {OwnPolicy.__module__} import OwnPolicy\n" in message
    assert "class MaskedOwnPolicy(MaskedPolicyMixin, OwnPolicy): ..." in message
    assert type(model.policy) is OwnPolicy


def test_a_model_that_cannot_be_adopted_is_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = zoo.make_model("SAC", stock=True)
    cls, before, shown = type(model.policy), zoo.snapshot(model.policy), repr(model)
    sp.wire(model)
    attributes = dict(vars(model.policy))

    def fail(*args: object) -> None:
        raise UnsupportedPolicyError("no")

    monkeypatch.setattr(gating, "_keep_passed", fail)
    with pytest.raises(UnsupportedPolicyError):
        sp.adopt(model)
    assert type(model.policy) is model.policy_class is cls
    assert vars(model.policy) == attributes and repr(model) == shown
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
    zoo.train(model)


def test_models_that_share_a_policy_are_adopted_one_by_one() -> None:
    ours, other = (zoo.make_model("PPO", stock=True) for _ in range(2))
    other.policy = ours.policy
    for model in (ours, other):
        assert model.policy_class is ActorCriticPolicy
        sp.adopt(model)
        assert model.policy_class is zoo.CASES["PPO"][1]
