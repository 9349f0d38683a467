"""Tests for policies/masked.py."""

from __future__ import annotations

import inspect
import re

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
