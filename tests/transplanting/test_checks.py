"""Tests for transplanting/checks.py."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import zoo
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.weight_masks import mask_weights
from sb3_prune.transplanting import InputRules, transplant, transplant_into
from transplanting.made import Toy, env_of, trained


def test_an_agent_that_has_learnt_is_not_overwritten() -> None:
    old = trained("PPO")
    with pytest.raises(TransplantError, match="has learnt already"):
        transplant_into(old, old)


def test_another_algorithm() -> None:
    new = DQN("MlpPolicy", env_of("PPO"), buffer_size=10)
    with pytest.raises(TransplantError, match="PPO cannot be carried into one of DQN"):
        transplant_into(new, trained("PPO"))


def test_masks_that_the_new_agent_cannot_keep() -> None:
    old = zoo.make_model("PPO", env=env_of("PPO"))
    mask_weights(old, {"action_net": torch.rand(4, 10) > 0.5})
    new = zoo.make_model("PPO", stock=True, env=env_of("PPO"))
    before = zoo.snapshot(new.policy)
    with pytest.raises(TransplantError, match="PPO with ActorCriticPolicy cannot keep"):
        transplant_into(new, old)
    zoo.assert_same(zoo.snapshot(new.policy), before)


@pytest.mark.parametrize("steps", [0, 64])
@pytest.mark.parametrize("sum_", [0.0, 0.5])
def test_an_optimiser_that_has_a_state_from_the_start(steps: int, sum_: float) -> None:
    kwargs: dict[str, Any] = {"net_arch": [8], "optimizer_class": torch.optim.Adagrad}
    kwargs["optimizer_kwargs"] = {"initial_accumulator_value": sum_}
    env = env_of("PPO")
    old = PPO("MlpPolicy", env, policy_kwargs=kwargs, n_steps=32, batch_size=16)
    if steps:
        old.learn(steps)
    wide = env_of("PPO", 6)
    new = transplant(old, env=wide, observations=[0, 1, 2, 3, 4, None])
    ours, theirs = (
        [m.policy.optimizer.state[p] for p in m.policy.parameters()] for m in (old, new)
    )
    for mine, made in zip(ours, theirs, strict=True):
        assert float(made["step"]) == float(mine["step"])
        known = made["sum"][..., :5] if made["sum"].shape[-1:] == (6,) else made["sum"]
        assert torch.equal(known, mine["sum"])
        assert bool((made["sum"] > 0).all()) or not (steps or sum_)
    new.learn(64)
    with pytest.raises(TransplantError, match="has learnt already"):
        transplant_into(new, old, observations=[0, 1, 2, 3, 4, None])


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"removed": "mean"}, "No observation is gone"),
        ({"repeated": "share"}, "No observation occurs twice"),
    ],
)
def test_rules_that_say_nothing(rule: Any, why: str) -> None:
    with pytest.raises(TransplantError, match=why):
        transplant(trained("PPO"), env=env_of("PPO"), inputs=InputRules(**rule))


def test_states_are_given_or_played() -> None:
    with pytest.raises(TransplantError, match="either given or played"):
        transplant(trained("PPO"), env=env_of("PPO"), play=9, observed=object())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["inputs", "new_actions"])
def test_rules_that_are_none(name: str) -> None:
    given: Any = {name: "mean"}
    with pytest.raises(
        TransplantError, match=rf"{name} must be \w+\(\.\.\.\) of .*'mean'"
    ):
        transplant(trained("PPO"), env=env_of("PPO"), **given)


@pytest.mark.parametrize("pair", [(PPO, MaskablePPO), (MaskablePPO, PPO)])
def test_switches_of_another_algorithm(pair: Any) -> None:
    env = Toy(5, spaces.MultiBinary(3))
    old = pair[0]("MlpPolicy", env, n_steps=32, batch_size=16)
    with pytest.raises(TransplantError, match="two outputs for each switch"):
        transplant(old, env=env, algorithm=pair[1])


@pytest.mark.parametrize("sizes", [([4], [2, 2]), ([6], [3, 3]), ([2, 3], [3, 2])])
def test_branches_that_differ_need_a_map(sizes: Any) -> None:
    ours, theirs = (Toy(5, spaces.MultiDiscrete(each)) for each in sizes)
    old = PPO("MlpPolicy", ours, n_steps=32, batch_size=16)
    why = re.escape(f"has branches of {sizes[0]} actions, the new one of {sizes[1]}")
    with pytest.raises(TransplantError, match=f"{why}: say by actions="):
        transplant(old, env=theirs)
