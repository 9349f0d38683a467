"""Tests for algorithms/arguments.py; agents are built by them in test_scratch.py."""

from __future__ import annotations

from typing import Any

import pytest
import zoo
from stable_baselines3 import PPO

import sb3_prune as sp
from sb3_prune.algorithms.arguments import arguments_of, parameters_of
from sb3_prune.exceptions import ConfigError


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_every_setting_of_every_algorithm_is_found(name: str) -> None:
    given: dict[str, Any] = {"gamma": 0.7, "stats_window_size": 7}
    if name == "DDPG":  # It has no such argument.
        del given["stats_window_size"]
    model = zoo.make_model(name, **given)
    found, _ = arguments_of(model)
    assert given.items() <= found.items()
    assert found.keys() == set(parameters_of(type(model)))


def test_what_a_class_passes_on_is_its_bases() -> None:
    names = parameters_of(sp.BranchingDQN)
    assert {"exploration_fraction", "gamma"} <= set(names)
    assert not {"args", "kwargs", "self", "policy", "seed"} & set(names)


def test_a_class_without_a_constructor_has_that_of_its_base() -> None:
    class Mine(PPO):
        pass

    assert parameters_of(Mine) == parameters_of(PPO)


def test_they_are_copies() -> None:
    model: Any = zoo.make_model("SAC", replay_buffer_kwargs={})
    found, kwargs = arguments_of(model)
    assert found["replay_buffer_kwargs"] is not model.replay_buffer_kwargs
    assert kwargs == model.policy_kwargs and kwargs is not model.policy_kwargs


def test_what_is_given_is_not_asked_for() -> None:
    class Hiding(PPO):
        def __init__(self, *args: Any, depth: int = 3, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    model = Hiding("MlpPolicy", "CartPole-v1")
    with pytest.raises(ConfigError, match="Hiding does not keep its arguments depth"):
        arguments_of(model)
    assert (
        not {"depth", "gamma"} & arguments_of(model, but=("depth", "gamma"))[0].keys()
    )
