"""Tests for transplanting/building.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.building import build
from transplanting.made import env_of, trained


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_new_model_has_the_hyperparameters_and_other_spaces(name: str) -> None:
    old: Any = trained(name)
    new: Any = build(old, env_of(name, 7), old.policy_kwargs, 3)
    assert type(new) is type(old) and type(new.policy) is type(old.policy)
    assert new.observation_space.shape == (7,)
    assert (new.gamma, new.seed) == (old.gamma, 3)
    assert new.num_timesteps == (0 if zoo.is_off_policy(old) else old.num_timesteps)
    zoo.train(new, 64)


def test_another_number_of_environments() -> None:
    old = A2C("MlpPolicy", make_vec_env("CartPole-v1", 2), n_steps=4).learn(16)
    new: Any = build(old, make_vec_env("CartPole-v1", 3), {}, None)
    assert new.n_envs == 3 and new.rollout_buffer.n_envs == 3
    new.learn(24)


class Odd(torch.optim.Adam):
    """An optimiser that raises something of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise KeyError("betas")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"policy_kwargs": {"net_arch": [-1]}}, "negative dimension"),
        ({"policy_kwargs": {"net_arc": [8]}}, "unexpected keyword argument 'net_arc'"),
        ({"env": env_of("SAC")}, "DQN cannot be built for env"),
        ({"seed": -1}, "seed"),
        ({"policy_kwargs": {"optimizer_class": Odd}}, "KeyError: 'betas'"),
    ],
)
def test_what_cannot_be_built(given: Any, why: str) -> None:
    usual = {"env": env_of("DQN"), "policy_kwargs": {}, "seed": 0}
    with pytest.raises(TransplantError, match=why):
        build(trained("DQN"), **{**usual, **given})
