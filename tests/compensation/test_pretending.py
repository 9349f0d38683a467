"""Tests for compensation/pretending.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo

import sb3_prune as sp
from sb3_prune.compensation.pretending import can_pretend, pretended
from sb3_prune.recording import sample_activations
from sb3_prune.surgery import Change, keep
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.flow.forwards import sample_inputs
from sb3_prune.surgery.trial import copied


def mixed(units: int, seed: int, *, shifts: bool) -> Change:
    """Return a change that keeps every other unit; readers get mixtures of them."""
    generator = torch.Generator().manual_seed(seed)
    kept = keep(range(0, units, 2), units)
    return Change(
        rows=kept.rows,
        columns=torch.randn(units, kept.after, generator=generator),
        shifts=torch.randn(units, generator=generator) * shifts,
    )


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_policy_computes_as_if_it_was_cut(name: str) -> None:
    policy: Any = zoo.trained(name).policy
    wiring = sp.wire(policy)
    plan = {}
    for seed, (path, layer) in enumerate(wiring.items()):
        free = all(twin.unshiftable is None for twin in layer.with_targets())
        plan[path] = mixed(layer.units, seed, shifts=free)
    plan = {n: c for n, c in plan.items() if can_pretend(wiring[n], c)}
    before = {n: t.clone() for n, t in policy.state_dict().items()}
    inputs = sample_inputs(policy, 7)
    twin: Any = copied(policy)
    carry_out(twin, plan, follows=False)
    expected = sample_activations(twin, inputs, list(plan))
    with pretended(policy, plan):
        assert sp.wire(policy) is wiring  # Nothing was traced anew.
        found = sample_activations(policy, inputs, list(plan))
    for path, units in expected.items():
        close = found[path][:, plan[path].kept]
        torch.testing.assert_close(close, units, atol=1e-4, rtol=1e-4)
    assert sp.wire(policy) is wiring
    for path, tensor in policy.state_dict().items():
        assert torch.equal(tensor, before[path])


def test_the_policy_is_as_before_after_an_error() -> None:
    policy: Any = zoo.trained("PPO").policy
    name, layer = next(iter(sp.wire(policy).items()))
    before = dict(policy.named_parameters())
    with pytest.raises(KeyError), pretended(policy, {name: keep([0], layer.units)}):
        raise KeyError
    assert all(dict(policy.named_parameters())[n] is p for n, p in before.items())
