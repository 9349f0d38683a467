"""Tests for algorithms/arguments.py; agents are built by them in test_scratch.py."""

from __future__ import annotations

from typing import Any

import pytest
import zoo
from stable_baselines3 import PPO, TD3
from stable_baselines3.common.buffers import NStepReplayBuffer

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


def test_a_buffer_that_n_steps_has_chosen_is_chosen_again() -> None:
    model = zoo.make_model("TD3", n_steps=3, gamma=0.9)
    settings, kwargs = arguments_of(model)
    assert (settings["replay_buffer_class"], settings["n_steps"]) == (None, 3)
    again = TD3("MlpPolicy", model.get_env(), policy_kwargs=kwargs, **settings)
    assert isinstance(again.replay_buffer, NStepReplayBuffer)
    assert (again.replay_buffer.n_steps, again.replay_buffer.gamma) == (3, 0.9)


def test_a_buffer_that_a_user_has_chosen_is_kept() -> None:
    given = {"n_steps": 5, "gamma": 0.9}
    model = zoo.make_model(
        "TD3", replay_buffer_class=NStepReplayBuffer, replay_buffer_kwargs=given
    )
    settings, _ = arguments_of(model)
    assert settings["replay_buffer_class"] is NStepReplayBuffer
    assert settings["replay_buffer_kwargs"] == given and settings["n_steps"] == 1
