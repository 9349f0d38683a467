"""Tests for policies/masked.py."""

from __future__ import annotations

import inspect

import pytest
import zoo
from stable_baselines3.common.policies import BasePolicy

import sb3_prune as sp
from sb3_prune.policies import masked
from sb3_prune.policies.mixin import MaskedPolicyMixin

CLASSES = [
    cls
    for _, cls in inspect.getmembers(masked, inspect.isclass)
    if cls.__module__ == masked.__name__
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_is_the_mixin_before_a_stock_policy(cls: type) -> None:
    assert issubclass(cls, BasePolicy)
    assert cls.__mro__[1] is MaskedPolicyMixin
    assert getattr(sp, cls.__name__) is cls


def test_every_class_is_tried_by_the_tests() -> None:
    assert {policy for _, policy, _, _ in zoo.CASES.values()} >= set(CLASSES)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_the_policy_knows_its_layers_and_first_widths(name: str) -> None:
    policy = zoo.make_model(name).policy
    assert policy.initial_units == policy.wiring().units()
    assert set(policy.initial_units.values()) == set(zoo.ARCH)
    sp.apply(policy, zoo.random_plan(policy))
    assert set(policy.initial_units.values()) == set(zoo.ARCH)
