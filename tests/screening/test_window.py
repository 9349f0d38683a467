"""Tests for window.py."""

from __future__ import annotations

import math

import pytest
import torch
import zoo

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.recording import record_activations
from sb3_prune.surgery.flow.quiet import quiet
from screening.made import STEPS, window

STOCHASTIC = ["PPO", "A2C", "TRPO", "MaskablePPO", "RecurrentPPO"]
SQUASHED = ["SAC", "ValueSAC", "TQC", "CrossQ"]


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_activations_are_those_of_a_recording(name: str) -> None:
    found = window(name)
    networks = {layer.network for layer in found.layers()}
    everything = record_activations(found.model, found.inputs)
    for layer, rows in found.activations().items():
        assert rows.shape[0] == STEPS
        assert torch.equal(rows, everything[layer])
    assert networks and all("critic" not in network for network in networks)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_policies_have_distributions(name: str) -> None:
    entropies = window(name).policy_entropies()
    assert entropies.shape == (STEPS,)
    expected = window(name).distribution().entropy()
    assert torch.equal(entropies, expected)  # type: ignore[arg-type]
    if name not in ("TRPO",):  # Two actions, hardly trained.
        assert bool((entropies <= math.log(2) + 1e-6).all())


@pytest.mark.parametrize("name", SQUASHED)
def test_entropies_of_squashed_actions_are_what_draws_say(name: str) -> None:
    found = window(name)
    first, second = found.policy_entropies(), found.policy_entropies()
    assert torch.equal(first, second) and first.shape == (STEPS,)
    with quiet(found.model.policy):
        torch.manual_seed(0)
        drawn = found.distribution()
        means = [-drawn.log_prob(drawn.sample()).mean() for _ in range(200)]
    # Actions of one dimension in [-1, 1]: at most ln 2 nats.
    assert float(torch.stack(means).mean()) == pytest.approx(
        float(first.mean()), abs=0.15
    )


@pytest.mark.parametrize("name", ["DQN", "TD3", "BranchingDQN"])
def test_some_policies_have_no_distribution(name: str) -> None:
    with pytest.raises(UnsupportedPolicyError, match=f"of {name} has no distribution"):
        window(name).policy_entropies()


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_looking_changes_nothing(name: str) -> None:
    found = window(name)
    before = zoo.snapshot(found.model.policy)
    drawn = torch.get_rng_state()
    found.activations()
    if name in STOCHASTIC + SQUASHED:
        found.policy_entropies()
    zoo.assert_same(zoo.snapshot(found.model.policy), before, identities=True)
    assert torch.equal(torch.get_rng_state(), drawn)
