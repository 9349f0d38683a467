"""Tests for recording/distributions.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import zoo

from sb3_prune.recording.distributions import distribution_of
from sb3_prune.surgery.flow.forwards import sample_inputs
from sb3_prune.surgery.flow.lstms import empty_states
from sb3_prune.surgery.flow.quiet import quiet


@pytest.mark.parametrize("name", ["PPO", "RecurrentPPO", "MaskablePPO", "SAC", "TQC"])
def test_the_mode_of_a_distribution_is_the_greedy_action(name: str) -> None:
    policy = zoo.make_model(name).policy
    inputs = sample_inputs(policy, 4)
    with quiet(policy):
        found = distribution_of(policy, inputs).mode()
        seen = inputs.observations
        never = torch.zeros(4)
        states = empty_states(policy, 4).pi if name == "RecurrentPPO" else None
        rest = (states, never) if states else ()
        expected = policy._predict(seen, *rest, deterministic=True)
        expected = expected[0] if states else expected
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["DQN", "TD3"])
def test_some_policies_have_none(name: str) -> None:
    policy = zoo.make_model(name).policy
    assert distribution_of(policy, sample_inputs(policy)) is None


def test_memory_and_masks_count() -> None:
    policy = zoo.make_model("RecurrentPPO").policy
    inputs, states = sample_inputs(policy, 4), empty_states(policy, 4)
    other = replace(
        inputs, lstm_states=states._replace(pi=tuple(s + 1 for s in states.pi))
    )
    with quiet(policy):
        logits = [
            distribution_of(policy, each).distribution.logits
            for each in (inputs, replace(inputs, lstm_states=states), other)
        ]
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])
    masked = zoo.make_model("MaskablePPO").policy
    allowed = np.eye(masked.action_space.n, dtype=bool)[[0, 1, 0]]  # type: ignore[attr-defined]
    with quiet(masked):
        inputs = sample_inputs(masked, 3)
        found = distribution_of(masked, inputs, action_masks=allowed).mode()
    assert found.tolist() == [0, 1, 0]
