"""Tests for compensation/levels.py."""

from __future__ import annotations

import zoo
from stable_baselines3 import PPO

import sb3_prune as sp
from sb3_prune.compensation.levels import levels


def test_levels_run_from_the_inputs_on() -> None:
    wiring = sp.wire(zoo.trained("SAC"))
    first, second = levels(wiring, wiring)
    assert all(name.endswith(".0") for name in first) and len(first) == 3
    assert all(name.endswith(".2") for name in second) and len(second) == 3


def test_layers_that_are_not_asked_for_are_left_out() -> None:
    wiring = sp.wire(zoo.trained("SAC"))
    assert levels(wiring, ["critic.qf0.2"]) == [["critic.qf0.2"]]
    assert levels(wiring, []) == []


def test_networks_of_other_depths_share_the_levels_of_their_inputs() -> None:
    arch = {"net_arch": {"pi": [4], "vf": [4, 4, 4]}}
    wiring = sp.wire(PPO("MlpPolicy", "CartPole-v1", policy_kwargs=arch))
    assert [len(level) for level in levels(wiring, wiring)] == [2, 1, 1]


def test_behind_unknown_layers_each_layer_is_a_level_of_its_own() -> None:
    wiring = sp.wire(zoo.make_model("SAC"))
    wiring.fixed["other"] = "it may read anything"
    assert [len(level) for level in levels(wiring, wiring)] == [1] * 6
