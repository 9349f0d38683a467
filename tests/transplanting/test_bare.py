"""Tests for transplanting/bare.py."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import zoo

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting import transplant_into
from sb3_prune.transplanting.bare import as_agent
from sb3_prune.transplanting.carrying import tensors
from transplanting.made import env_of, trained
from transplanting.test_transplants import MORE, acts, seen


def bare(name: str) -> Any:
    """Return a policy alone."""
    return zoo.copy_policy(trained(name))


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_policy_alone_is_carried_into_an_agent(name: str) -> None:
    policy = bare(name)
    before = zoo.snapshot(policy)
    new = zoo.make_model(name, env=env_of(name, 7))
    report = transplant_into(new, policy, observations=MORE)
    assert report.dropped == 0 and report.states == "draws from the space"
    zoo.assert_same(zoo.snapshot(policy), before)
    same = zoo.make_model(name, env=env_of(name))
    transplant_into(same, policy)
    zoo.assert_same(tensors(same.policy), tensors(policy))
    assert np.array_equal(acts(same, seen()), acts(trained(name), seen()))
    zoo.train(new, 96)


def test_behaviour_cloning() -> None:
    """A policy that supervised learning has trained, with the optimiser that it has."""
    model: Any = zoo.make_model("PPO", stock=True, env=env_of("PPO"))
    policy = copy.deepcopy(model.policy)
    observations = torch.as_tensor(seen())
    for _ in range(3):
        _, log_prob, _ = policy.evaluate_actions(observations, torch.zeros(64))
        policy.optimizer.zero_grad()
        (-log_prob.mean()).backward()
        policy.optimizer.step()
    transplant_into(model, policy)
    state = model.policy.optimizer.state[model.policy.action_net.weight]
    assert zoo.equal(state, policy.optimizer.state[policy.action_net.weight])
    zoo.train(model, 64)


def test_the_entropy_coefficient_is_that_of_the_new_agent() -> None:
    new: Any = zoo.make_model("SAC", env=env_of("SAC"))
    before = new.log_ent_coef.detach().clone()
    transplant_into(new, bare("SAC"))
    assert torch.equal(new.log_ent_coef, before)


def test_an_agent_is_itself() -> None:
    old, new = trained("PPO"), zoo.make_model("PPO", env=env_of("PPO"))
    assert as_agent(old, new) is old
    agent = as_agent(bare("SAC"), trained("SAC"))
    assert agent.env is None and agent.actor is agent.policy.actor  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["SAC", "DQN"])
def test_a_policy_of_another_algorithm(name: str) -> None:
    new = zoo.make_model("PPO", env=env_of(name) if name == "DQN" else env_of("TRPO"))
    with pytest.raises(TransplantError, match="has the hidden layers"):
        transplant_into(new, bare(name))
