"""Tests for transplanting/heads.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.networks.perceptrons import Role
from sb3_prune.transplanting import transplant
from sb3_prune.transplanting.heads import Head, count_actions, find_heads, reads_actions
from transplanting.made import Toy, env_of, trained


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_heads_have_an_entry_for_each_action(name: str) -> None:
    policy: Any = trained(name).policy
    heads = find_heads(policy, 4)
    for head in heads:
        assert head.role.acts
        for slot in head.slots:
            assert slot.tensor.shape[slot.axis] == 4 * head.repeats
    targets = name in ("DQN", "QRDQN", "BranchingDQN", "TD3", "DDPG")
    both = name in ("SAC", "ValueSAC", "TQC", "CrossQ", "TRPO")
    assert len(heads) == 1 + targets + both
    assert (heads[0].repeats == 8) == (name == "QRDQN")
    critics = name in ("SAC", "ValueSAC", "TD3", "DDPG", "TQC", "CrossQ")
    assert reads_actions(policy) == critics  # RecurrentPPO has a ``critic``, too.


@pytest.mark.parametrize("algorithm", [PPO, SAC])
def test_noise_that_depends_on_the_state(algorithm: Any) -> None:
    env = Toy(5, spaces.Box(-1, 1, (3,), np.float32))
    heads = find_heads(algorithm("MlpPolicy", env, use_sde=True).policy, 3)
    noise = [slot for head in heads for slot in head.slots if slot.axis == 1]
    assert [slot.attribute for slot in noise] == ["log_std"]


@pytest.mark.parametrize("count", [1, 2])
def test_noise_that_actions_share(count: int) -> None:
    env, wide = (Toy(5, spaces.Box(-1, 1, (n,), np.float32)) for n in (count, 3))
    kwargs = {"net_arch": [8], "full_std": False}
    old = PPO("MlpPolicy", env, use_sde=True, policy_kwargs=kwargs, **zoo.PPO)
    assert len(find_heads(old.policy, count)) == 1
    actions = [*range(count), *[None] * (3 - count)]
    new: Any = transplant(old.learn(32), env=wide, actions=actions, net_arch=[9])
    assert torch.equal(new.policy.log_std[:8], old.policy.log_std)  # type: ignore[arg-type, index]
    seen = torch.linspace(-1, 1, 5)[None]
    one, other = (
        m.policy.get_distribution(seen).distribution.stddev for m in (old, new)
    )
    torch.testing.assert_close(other[:, :count], one)
    new.learn(32)


def test_quantiles_repeat_the_actions() -> None:
    head = Head((), Role.Q_VALUES, 2)
    assert head.sources((1, None, 0), 2) == (1, None, 0, 3, None, 2)


@pytest.mark.parametrize(
    ("space", "count"),
    [
        (spaces.Discrete(3), 3),
        (spaces.MultiDiscrete([3, 2]), 5),
        (spaces.MultiBinary([2, 2]), 4),
        (spaces.Box(-1, 1, (2, 3)), 6),
    ],
)
def test_count_actions(space: Any, count: int) -> None:
    assert count_actions(space) == count


def test_errors() -> None:
    with pytest.raises(TransplantError, match="Text cannot be mapped"):
        count_actions(spaces.Text(3))
    with pytest.raises(TransplantError, match="no output layer for actions"):
        find_heads(nn.Linear(2, 2), 2)
    policy = zoo.make_model("PPO", env=env_of("PPO")).policy
    with pytest.raises(TransplantError, match="no multiple of the 3"):
        find_heads(policy, 3)
