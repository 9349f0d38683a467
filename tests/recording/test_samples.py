"""Tests for recording/samples.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from compensation.made import inputs_of
from extracted import A, extracted
from images import LOOKERS
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import NoObservationsError, UnsupportedPolicyError
from sb3_prune.recording import record_activations, sample_activations, samples
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.samples import chunks, part, unrecorded


def names(model: Any) -> list[str]:
    return list(sp.wire(model))


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_rows_are_the_recorded_activations(name: str) -> None:
    model = zoo.trained(name)
    inputs = inputs_of(model, 50)
    before = zoo.snapshot(model.policy), np.random.get_state()[1].copy()
    drawn = torch.get_rng_state()
    found = sample_activations(model.policy, inputs, names(model))
    expected = record_activations(model, inputs)
    assert found.keys() == expected.keys()
    for layer, rows in found.items():
        # Actor and critic each have an LSTM, and both are this layer.
        torch.testing.assert_close(rows[: len(expected[layer])], expected[layer])
    zoo.assert_same(zoo.snapshot(model.policy), before[0], identities=True)
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.slow
@pytest.mark.parametrize("most", [32_768, 100])
@pytest.mark.parametrize("name", ["PPO-Cnn", "SAC-Cnn-shared", "DQN-MultiInput"])
def test_rows_of_an_agent_and_of_its_cut_copy_belong_together(
    name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST", most)
    monkeypatch.setattr(samples, "LARGEST_CHUNK", 16)
    model = LOOKERS[name].make()
    inputs = inputs_of(model, 40)
    first = next(n for n in names(model) if ".cnn.0" in n)
    change = sp.surgery.keep(range(5), sp.wire(model)[first].units)
    old = sample_activations(model.policy, inputs, names(model))[first]
    sp.apply(model, {first: change})
    new = sample_activations(model.policy, inputs, [first])[first]
    assert len(new) == len(old) > 40 and len(old) <= max(most, 40) * 1.1
    torch.testing.assert_close(new, old[:, :5], atol=1e-5, rtol=1e-5)


def test_readers_that_get_something_else_give_rows_of_their_own() -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        h = net.a(x)
        return net.b(h.relu()) + net.c(h.tanh()) + net.d(h.tanh())

    def build(net: Any) -> None:
        net.c, net.d = nn.Linear(12, 8), nn.Linear(12, 8)

    model = extracted(run, build)
    inputs = inputs_of(model, 30)
    h = model.policy.features_extractor.a(inputs.observations).detach()
    found = sample_activations(model.policy, inputs, [A])[A]
    # tanh() is computed twice here.
    torch.testing.assert_close(found, torch.cat([h.relu(), h.tanh(), h.tanh()]))


def test_what_several_readers_get_occurs_once() -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        h = net.a(x).relu()
        return net.b(h) + net.c(h).tanh()

    model = extracted(run, lambda net: setattr(net, "c", nn.Linear(12, 8)))
    assert sample_activations(model.policy, inputs_of(model, 30), [A])[A].shape == (
        30,
        12,
    )


def test_a_weight_that_is_used_twice_gives_rows_for_each_use() -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return net.b(net.a(x).relu()) + net.b(net.a(2 * x).relu()).tanh()

    model = extracted(run)
    inputs = inputs_of(model, 30)
    a, seen = model.policy.features_extractor.a, inputs.observations
    expected = torch.cat([a(seen).relu(), a(2 * seen).relu()]).detach()
    torch.testing.assert_close(
        sample_activations(model.policy, inputs, [A])[A], expected
    )


def test_no_observations_are_refused() -> None:
    model = zoo.trained("SAC")
    with pytest.raises(NoObservationsError, match="There are no observations"):
        sample_activations(model.policy, part(inputs_of(model, 2), slice(0)), [])


def test_layers_that_no_forward_shows_are_told_and_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = zoo.trained("SAC")
    inputs = inputs_of(model)
    assert unrecorded(model.policy, inputs, names(model)) == []
    calls = sp.recording.activations._calls
    monkeypatch.setattr(
        sp.recording.activations, "_calls", lambda *args: list(calls(*args))[:1]
    )
    hidden = [name for name in names(model) if not name.startswith("actor")]
    assert unrecorded(model.policy, inputs, names(model)) == hidden
    with pytest.raises(UnsupportedPolicyError, match=hidden[0]):
        sample_activations(model.policy, inputs, names(model))


def test_parts_hold_actions_and_states_of_their_observations() -> None:
    model = zoo.trained("RecurrentPPO")
    inputs = sp.recording.recent_inputs(model, 20)
    assert inputs.lstm_states is not None
    chosen = torch.tensor([3, 1, 4])
    found = part(inputs, chosen)
    assert torch.equal(found.observations, inputs.observations[chosen])
    for old, new in zip(
        [*inputs.lstm_states.pi, *inputs.lstm_states.vf],
        [*found.lstm_states.pi, *found.lstm_states.vf],
        strict=True,
    ):
        assert torch.equal(new, old[:, chosen])
    critic = part(inputs_of(zoo.trained("SAC"), 9), slice(2, 5))
    assert critic.actions is not None and len(critic.actions) == 3


def test_chunks_are_all_inputs_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LARGEST_CHUNK", 16)
    inputs = inputs_of(LOOKERS["DQN-MultiInput"].make(), 40)
    found = list(chunks(inputs))
    assert [count_observations(each.observations) for each in found] == [16, 16, 8]
    whole = torch.cat([each.observations["img"] for each in found])
    assert torch.equal(whole, inputs.observations["img"])
    monkeypatch.setattr(samples, "CHUNK", 5 * (36 * 36 + 3))
    assert len(list(chunks(inputs))) == 8
