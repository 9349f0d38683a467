"""Tests for surgery/memory.py; the laws of memory are in test_memory_laws.py."""

from __future__ import annotations

from typing import Any

import pytest
import saving
import torch
import zoo
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from user_networks.policies import Embedding

import sb3_prune as sp
from sb3_prune.surgery import add, apply, keep, merge, remove
from sb3_prune.surgery.memory import refresh_memory

KINDS: dict[str, dict[str, Any]] = {
    "two": {},
    "shared": {"shared_lstm": True, "enable_critic_lstm": False},
    "deep": {"n_lstm_layers": 2},
}
BUFFERS = ["hidden_states_pi", "cell_states_pi", "hidden_states_vf", "cell_states_vf"]


def model_of(kind: str = "two") -> Any:
    return zoo.train(zoo.make_model("RecurrentPPO", policy_kwargs=KINDS[kind]), 40)


def states(model: Any) -> list[torch.Tensor]:
    return [state for pair in model._last_lstm_states for state in pair]


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_merged_cells_are_averaged(kind: str) -> None:
    model = model_of(kind)
    before = states(model)
    stored = {name: getattr(model.rollout_buffer, name) for name in BUFFERS}
    pairs = [[k, k + 1] for k in range(0, 8, 2)]
    sp.apply(model, {"lstm_actor": merge(pairs, 8)})
    for state, old in zip(states(model), before, strict=True):
        torch.testing.assert_close(state, old.unflatten(-1, (4, 2)).mean(-1))
    for name, old in stored.items():
        found = torch.as_tensor(getattr(model.rollout_buffer, name))
        expected = torch.as_tensor(old).unflatten(-1, (4, 2)).mean(-1)
        torch.testing.assert_close(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_follows(kind: str) -> None:
    model = model_of(kind)
    for change, width in ((remove([1, 2, 3], 8), 5), (add(4, 5, 1), 9)):
        sp.apply(model, {"lstm_actor": change})
        assert model.policy.lstm_hidden_state_shape[-1] == width
        assert model.rollout_buffer.hidden_state_shape[-1] == width
        assert {state.shape[-1] for state in states(model)} == {width}
        assert model.policy_kwargs["lstm_hidden_size"] == width
        zoo.train_on(model, 40)
        assert model.rollout_buffer.hidden_states_pi.shape[-1] == width


def test_the_arguments_that_a_user_gave_are_not_written_into() -> None:
    given = {"net_arch": [12, 10], "lstm_hidden_size": 8}
    model = RecurrentPPO(
        sp.MaskedRecurrentActorCriticPolicy,
        zoo.make_env("RecurrentPPO"),
        policy_kwargs=given,
        device="cpu",
    )
    sp.apply(model, {"lstm_actor": remove([0], 8)})
    assert given == {"net_arch": [12, 10], "lstm_hidden_size": 8}


def test_a_loaded_model_remembers_how_wide_its_memory_was() -> None:
    model = model_of()
    sp.apply(model, {"lstm_actor": remove([0, 1], 8)})
    loaded: Any = saving.reload(model)
    assert loaded.policy.lstm_actor.hidden_size == 6
    assert loaded.policy.initial_units["lstm_actor"] == 8
    sp.apply(loaded, {"lstm_actor": keep([0, 1, 2], 6)})
    assert saving.reload(loaded).policy.initial_units["lstm_actor"] == 8  # type: ignore


@pytest.mark.slow
@pytest.mark.parametrize("stock", [True, False])
def test_a_stock_policy_remembers_no_initial_units(stock: bool) -> None:
    model = zoo.train(zoo.make_model("RecurrentPPO", stock=stock), 40)
    apply(model, {"lstm_actor": remove([0], 8)})
    assert ("initial_units" in model.policy_kwargs) is not stock
    zoo.train_on(model, 40)


def test_adoption_remembers_how_wide_the_memory_was_built() -> None:
    model: Any = zoo.train(zoo.make_model("RecurrentPPO", stock=True), 40)
    sp.adopt(model)
    assert "initial_units" not in model.policy_kwargs
    other: Any = zoo.train(zoo.make_model("RecurrentPPO", stock=True), 40)
    apply(other, {"lstm_actor": remove([0], 8)})
    sp.adopt(other)
    assert other.policy_kwargs["initial_units"] == {"lstm_actor": 8}
    loaded: Any = saving.reload(other)
    assert loaded.policy.initial_units["lstm_actor"] == 8
    assert loaded.policy.lstm_actor.hidden_size == 7
    zoo.train_on(loaded, 40)


def test_other_layers_leave_the_memory_alone() -> None:
    model = model_of()
    before, kwargs = states(model), model.policy_kwargs
    sp.apply(model, {"mlp_extractor.policy_net.0": remove([0], 12)})
    assert all(a is b for a, b in zip(states(model), before, strict=True))
    assert model.policy_kwargs is kwargs


@pytest.mark.slow
def test_memory_starts_anew_after_loading_weights_of_another_width() -> None:
    model, giver = model_of(), model_of()
    sp.apply(giver, {"lstm_actor": remove([0, 1], 8)})
    refresh_memory(model)
    assert any(bool(state.any()) for state in states(model))
    model.set_parameters(giver.get_parameters())
    refresh_memory(model)
    assert {state.shape[-1] for state in states(model)} == {6}
    assert not any(bool(state.any()) for state in states(model))
    zoo.train_on(model, 40)


def test_models_without_memory_are_left_alone() -> None:
    model = zoo.make_model("PPO")
    before = dict(vars(model))
    refresh_memory(model)
    assert vars(model) == before


class Adding(RecurrentActorCriticPolicy):
    """What its LSTMs say is added to what they read."""

    @staticmethod
    def _process_sequence(features: torch.Tensor, *args: Any) -> Any:
        out, states = RecurrentActorCriticPolicy._process_sequence(features, *args)
        return features + out, states


class MaskedAdding(sp.MaskedPolicyMixin, Adding):
    """The same with gates."""


@pytest.mark.slow
def test_memory_that_is_added_to_features_follows_them() -> None:
    kwargs = {"features_extractor_class": Embedding, "lstm_hidden_size": 12}
    model: Any = zoo.make_model(
        "RecurrentPPO", policy=MaskedAdding, policy_kwargs=kwargs
    )
    zoo.train(model, 40)
    before = states(model)
    name = "features_extractor.linear"
    assert "lstm_actor" not in sp.wire(model.policy)
    sp.apply(model, {name: remove([0, 7], 12)})
    kept = [k for k in range(12) if k not in (0, 7)]
    for state, old in zip(states(model), before, strict=True):
        assert torch.equal(state, old[..., kept])
    zoo.train_on(model, 40)
    loaded: Any = saving.reload(model)
    assert zoo.equal(zoo.says(loaded.policy), zoo.says(model.policy))
    sp.adopt(loaded)
    zoo.train_on(loaded, 40)
