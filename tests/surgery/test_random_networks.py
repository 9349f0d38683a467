"""Tests for surgery on random networks: `python -m benchmarks flow` in small."""

from __future__ import annotations

import pytest
import torch

import sb3_prune as sp
from benchmarks.random_networks import random_policy
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import remove, trial
from sb3_prune.surgery.trial import refute


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_what_tracing_calls_free_is_free(seed: int) -> None:
    policy = random_policy(seed)
    layers = [layer for layer in sp.wire(policy).values() if not layer.group.soft]
    assert layers
    assert refute(policy, layers) == {}


# Gradients that cancel out leave rounding errors behind; 57 only with all layers.
@pytest.mark.slow
@pytest.mark.parametrize("seed", [57, 924])
def test_rounding_errors_refute_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = random_policy(seed)
    names = [n for n, layer in sp.wire(policy).items() if not layer.group.soft]
    assert trial.try_cut(policy, names) is None
    moved = [
        found
        for some in (names, *([name] for name in names))
        if not isinstance(found := trial._try(policy, some), str)
    ]
    assert max(max(found.values()) for found in moved) > trial.TOLERANCE
    precise = trial._try(policy, names, precise=True)
    assert not isinstance(precise, str) and max(precise.values()) < 1e-9
    monkeypatch.setattr(trial, "_try", lambda *_, **__: {"an output": 3e-5})
    said = "removing dead units moves an output by"
    assert trial.try_cut(policy, names) == f"{said} 3e-05"
    far = {True: {"an output": 0.0}, False: {"an output": 0.01}}
    monkeypatch.setattr(trial, "_try", lambda *_, precise=False: far[precise])
    assert trial.try_cut(policy, names) == f"{said} 0.01"  # That is no rounding.


# Tracing takes a slice at a literal place for a part of a value, and it is none.
@pytest.mark.slow
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
