"""Tests for policies/masked.py."""

from __future__ import annotations

import inspect
import re
import warnings

import pytest
import zoo
from stable_baselines3.common.policies import BasePolicy

import sb3_prune as sp
from sb3_prune.policies import masked
from sb3_prune.policies.mixin import MaskedPolicyMixin

CLASSES = [
    cls
    for _, cls in inspect.getmembers(masked, inspect.isclass)
    if cls.__module__ == masked.__name__ and issubclass(cls, BasePolicy)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_is_the_mixin_before_a_stock_policy(cls: type) -> None:
    assert cls.__mro__[1] in (MaskedPolicyMixin, masked.MaskedRecurrentMixin)
    assert getattr(sp, cls.__name__) is cls
    assert cls in masked.CLASSES


def test_every_class_is_tried_by_the_tests() -> None:
    flat = {policy for _, policy, _, _ in zoo.CASES.values()}
    others = {cls for cls in CLASSES if re.search("Cnn|MultiInput", cls.__name__)}
    assert flat | others >= set(CLASSES)


@pytest.mark.parametrize("cls", masked.CLASSES)
def test_every_class_has_the_stock_one_behind_it(cls: type) -> None:
    stock = masked.stock_base(cls)
    assert stock.__module__.startswith(("stable_baselines3.", "sb3_contrib."))
    name = cls.__name__.removeprefix("Masked")
    assert stock.__name__ in (name, "CnnPolicy", "MultiInputPolicy")
    assert ("Cnn" in name) is ("Cnn" in stock.__name__)
    assert ("MultiInput" in name) is ("MultiInput" in stock.__name__)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_the_policy_knows_its_layers_and_first_widths(name: str) -> None:
    policy = zoo.make_model(name).policy
    assert policy.initial_units == policy.wiring().units()
    memory = {8} if name == "RecurrentPPO" else set()
    assert set(policy.initial_units.values()) == set(zoo.ARCH) | memory
    sp.apply(policy, zoo.random_plan(policy))
    assert set(policy.initial_units.values()) == set(zoo.ARCH) | memory


@pytest.mark.parametrize(("name", "hints"), [("PPO", 1), ("DQN", 0), ("TRPO", 1)])
def test_off_the_cpu_a_policy_without_convolutions_warns(name: str, hints: int) -> None:
    policy = zoo.copied(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        policy.to("cpu")
        policy.to("meta")  # Stands for a GPU, on every machine.
        policy.to("meta")
    assert len(caught) == hints
    assert all("'meta': policies without conv" in str(w.message) for w in caught)


def test_of_a_subclass_nothing_is_known() -> None:
    class Mine(sp.MaskedActorCriticPolicy):
        """A policy of a user."""

    policy = zoo.copied("PPO")
    policy.__class__ = Mine
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy.to("meta")
