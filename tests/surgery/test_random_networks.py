"""Tests for surgery on random networks: `python -m benchmarks flow` in small."""

from __future__ import annotations

import pytest
import torch

import sb3_prune as sp
from benchmarks.random_networks import random_policy
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import remove
from sb3_prune.surgery.trial import refute


@pytest.mark.parametrize("seed", range(30))
def test_what_tracing_calls_free_is_free(seed: int) -> None:
    policy = random_policy(seed)
    layers = [layer for layer in sp.wire(policy).values() if not layer.group.soft]
    assert layers
    assert refute(policy, layers) == {}


# Tracing takes a slice at a literal place for a part of a value, and it is none.
@pytest.mark.parametrize("seed", [447, 1134])
def test_wrong_literal_places_are_refuted(seed: int) -> None:
    policy = random_policy(seed)
    wiring = sp.wire(policy)
    soft = [layer for layer in wiring.values() if layer.group.soft]
    refuted = refute(policy, soft)
    assert refuted
    sure = [layer for layer in wiring.values() if layer.name not in refuted]
    assert refute(policy, sure) == {}
    before = {key: value.clone() for key, value in policy.state_dict().items()}
    for name in refuted:
        with pytest.raises(UnsupportedPolicyError, match="A trial cut refuses"):
            sp.apply(policy, {name: remove([0], wiring[name].units)})
    after = policy.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
