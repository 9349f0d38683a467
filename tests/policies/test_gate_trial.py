"""Tests for policies/gate_trial.py; what it is for is in those of gating."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo

import sb3_prune as sp
from sb3_prune.policies.gate_trial import OpenTrial, leaks


def tensors(policy: Any) -> list[tuple[int, int, int]]:
    found = (*policy.parameters(), *policy.buffers())
    return [(id(t), t.data_ptr(), t._version) for t in found]


@pytest.mark.parametrize("name", ["PPO", "CrossQ", "RecurrentPPO"])
def test_trials_leave_everything_as_it_was(name: str) -> None:
    policy = zoo.trained(name).policy
    layers = [t for la in sp.wire(policy).values() for t in la.with_targets()]
    gated = [layer for layer in layers if layer.gate is not None]
    before, held = zoo.snapshot(policy), tensors(policy)
    state = torch.get_rng_state()
    assert OpenTrial(policy).passes()
    assert not leaks(policy, gated)
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)
    assert tensors(policy) == held and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_what_gsde_reads_does_not_count_as_a_leak(name: str) -> None:
    env = zoo.gym.make("Pendulum-v1")
    policy = zoo.make_model(name, env=env, use_sde=True).policy
    assert not leaks(policy, list(sp.wire(policy).values()))


def test_anything_that_moves_is_seen() -> None:
    policy = zoo.make_model("PPO").policy
    trial = OpenTrial(policy)
    with torch.no_grad():
        policy.action_net.bias += 1e-6
    assert not trial.passes()


def test_what_fails_with_a_gate_does_not_pass() -> None:
    policy = zoo.make_model("PPO").policy
    trial = OpenTrial(policy)
    policy.action_net = torch.nn.Identity()
    assert not trial.passes()


def test_agents_whose_weights_are_not_finite_can_be_tried() -> None:
    policy = zoo.make_model("PPO").policy
    policy.value_net.bias.data.fill_(torch.nan)
    assert OpenTrial(policy).passes()
    assert not leaks(policy, list(sp.wire(policy).values()))
