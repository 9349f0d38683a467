"""Tests for transplanting/converting.py."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, TD3

import sb3_prune as sp
from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting import plan_transplant, transplant, transplant_into
from sb3_prune.transplanting.carrying import tensors
from sb3_prune.transplanting.converting import (
    FAMILIES,
    check_algorithms,
    chosen_kwargs,
    hyperparameters,
)
from transplanting.made import env_of, trained
from transplanting.test_transplants import acts, seen, states

PAIRS = [pair for family in FAMILIES for pair in permutations(family, 2)]
NAMES = [(one.__name__, other.__name__) for one, other in PAIRS]


@cache
def donor(name: str) -> Any:
    """Return a trained agent; all of a family have the same actions."""
    if name != "TRPO":
        return trained(name)
    return zoo.train(zoo.make_model("TRPO", env=env_of("PPO")), 96)


@pytest.mark.filterwarnings("ignore:You have specified a mini-batch")  # A2C's n_steps.
@pytest.mark.parametrize(("one", "other"), NAMES)
def test_another_algorithm_says_the_same_and_learns(one: str, other: str) -> None:
    old, cls = donor(one), zoo.CASES[other][0]
    env = env_of("TD3" if other in ("TD3", "DDPG") else "PPO")
    new: Any = transplant(old, env=env, algorithm=cls)
    assert type(new) is cls
    assert type(new.policy) is type(donor(other).policy)
    assert np.array_equal(acts(new, seen()), acts(old, seen()))
    ours, theirs = tensors(old.policy), tensors(new.policy)
    zoo.assert_same({k: theirs[k] for k in ours if k in theirs}, _without(ours, theirs))
    assert new.gamma == old.gamma and new.learning_rate == old.learning_rate
    zoo.train(new, 96)


def _without(ours: Any, theirs: Any) -> dict[str, torch.Tensor]:
    """Return the tensors that both have: DDPG has one critic."""
    return {name: tensor for name, tensor in ours.items() if name in theirs}


class PassesOn(PPO):
    """An algorithm of a user, which passes its arguments on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


def test_hyperparameters_that_one_of_them_lacks_are_the_defaults() -> None:
    new: Any = transplant(donor("TRPO"), env=donor("PPO").get_env(), algorithm=PPO)
    assert (donor("TRPO").max_grad_norm, new.max_grad_norm, new.vf_coef) == (
        0,
        0.5,
        0.5,
    )
    assert new.target_kl is None
    given = hyperparameters(donor("PPO"), A2C)
    assert given["n_steps"] == 32 and "batch_size" not in given
    old: Any = PPO("MlpPolicy", env_of("PPO"), stats_window_size=7, verbose=0)
    found: Any = transplant(old, env=env_of("PPO"), algorithm=A2C)
    assert found._stats_window_size == 7
    passing = PassesOn("MlpPolicy", env_of("PPO"), gamma=0.5)
    assert hyperparameters(passing, A2C)["gamma"] == 0.5
    assert "optimizer_class" in donor("A2C").policy_kwargs
    assert chosen_kwargs(donor("A2C"), donor("A2C").policy_kwargs) == {
        "net_arch": [12, 10]
    }


def test_moments_come_along_if_the_optimiser_is_the_same() -> None:
    old, env = donor("PPO"), env_of("PPO")
    masked = transplant(old, env=env, algorithm=MaskablePPO)
    assert zoo.equal(states(masked), states(old))
    report = plan_transplant(old, env=env, algorithm=A2C)
    assert "The moments of 'optimizer' (Adam) stay behind." in report.left
    assert report.left[0].startswith("The new agent is of A2C, the old one of PPO")


def test_other_spaces_and_widths_at_once() -> None:
    old = zoo.train(zoo.make_model("DDPG", env=env_of("DDPG")), 64)
    sp.prune(old, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    order = [3, 0, None, 4, 1, 2]
    new: Any = transplant(old, env=env_of("TD3", 6), observations=order, algorithm=TD3)
    units, before = sp.wire(new).units(), sp.wire(old).units()
    assert units["critic.qf1.0"] == units["critic.qf0.0"] == before["critic.qf0.0"] < 12
    zoo.train(new, 64)


def test_a_class_of_a_user_fits_its_base() -> None:
    class Mine(PPO):
        """PPO with another name."""

    check_algorithms(Mine, PPO)
    check_algorithms(PPO, Mine)
    check_algorithms(Mine, A2C)
    new = Mine(
        type(donor("PPO").policy), env_of("PPO"), policy_kwargs={"net_arch": [12, 10]}
    )
    assert transplant_into(new, donor("PPO")).moved == 0


@pytest.mark.parametrize(
    ("name", "algorithm", "why"),
    [
        ("PPO", DQN, "into one of DQN, .* the same ones have: A2C, MaskablePPO, PPO"),
        ("DQN", QRDQN, "the same ones have: DQN"),
        ("SAC", TD3, "An agent of SAC cannot be carried into one of TD3"),
        ("PPO", RecurrentPPO, "into one of RecurrentPPO"),
        ("PPO", "A2C", "must be a class as PPO is, got 'A2C'"),
    ],
)
def test_other_networks_are_refused(name: str, algorithm: Any, why: str) -> None:
    with pytest.raises(TransplantError, match=why):
        transplant(trained(name), env=env_of(name), algorithm=algorithm)


def test_a_policy_class_that_the_other_algorithm_does_not_have() -> None:
    class Mine(sp.MaskedActorCriticPolicy):
        """A policy of a user."""

    old = zoo.make_model("PPO", policy=Mine, env=env_of("PPO"))
    assert type(transplant(old, env=env_of("A2C"), algorithm=A2C).policy) is Mine
    with pytest.raises(TransplantError, match="counterpart of Mine"):
        transplant(old, env=env_of("PPO"), algorithm=MaskablePPO)
