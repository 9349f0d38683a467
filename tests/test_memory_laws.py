"""The laws of surgery on LSTMs, and on the states that a model keeps of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import cutting
import laws
import numpy as np
import pytest
import saving
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st
from images import REMEMBERING
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import add, remove, trial

WIDTH = 8


def vector(**kwargs: Any) -> Callable[..., BaseAlgorithm]:
    """Return what makes a model that reads vectors, by arguments of its policy."""

    def make(*, stock: bool = False, **more: Any) -> BaseAlgorithm:
        given = {"activation_fn": nn.Tanh, **kwargs, **more}
        return zoo.make_model("RecurrentPPO", stock=stock, policy_kwargs=given)

    return make


MAKERS: dict[str, Callable[..., BaseAlgorithm]] = {
    "two": vector(),
    "shared": vector(shared_lstm=True, enable_critic_lstm=False),
    "actor's": vector(enable_critic_lstm=False),
    "deep": vector(n_lstm_layers=2),
    **{name: looker.make for name, looker in REMEMBERING.items()},
}
every_memory = pytest.mark.parametrize("name", MAKERS)
some_memories = pytest.mark.parametrize("name", ["deep", "LSTM-Cnn"])
seeds = st.integers(0, 10_000)


@cache
def stirred(name: str) -> BaseAlgorithm:
    return cutting.stirred(MAKERS[name]())


def copied(name: str) -> nn.Module:
    return trial.copied(stirred(name).policy)


@cache
def cut(name: str) -> BaseAlgorithm:
    """Return a trained model that was cut; train it further, but no more."""
    model = zoo.train(MAKERS[name](), 40)
    sp.apply(model, cutting.cut(model.policy))
    return model


@every_memory
def test_memory_cells_are_a_layer_without_a_gate(name: str) -> None:
    policy = copied(name)
    layer = sp.wire(policy)["lstm_actor"]
    assert layer.gate is None and layer.module is policy.lstm_actor
    assert layer.units == policy.lstm_actor.hidden_size
    # Both read the same features, but SB3 keeps one number for the size of both.
    held = {slot.owner for slot in layer.slots()}
    critic = {policy.lstm_critic} - {None} if name != "actor's" else set()
    assert {policy.lstm_actor} | critic <= held


# Law 1.


@every_memory
def test_removing_dead_units_keeps_every_output(name: str) -> None:
    laws.assert_dead_units_go(copied(name))


@some_memories
def test_removing_constant_units_keeps_every_output_or_says_why(name: str) -> None:
    moved = laws.assert_constants_move(lambda: copied(name))
    assert moved == set(sp.wire(copied(name))) - {"lstm_actor"}


def test_constant_memory_is_reported() -> None:
    policy = copied("two")
    cutting.make_constant(sp.wire(policy)["lstm_actor"], [1])
    report = sp.apply(policy, {"lstm_actor": remove([1], WIDTH)})
    assert report.unfolded == {"lstm_actor": "its memory varies"}


@some_memories
def test_removing_live_cells_changes_the_outputs(name: str) -> None:
    policy = copied(name)
    before = laws.says(policy)
    units = sp.wire(policy)["lstm_actor"].units
    sp.apply(policy, {"lstm_actor": remove([0, 1, 2], units)})
    with pytest.raises(AssertionError):
        zoo.assert_close(laws.says(policy), before, 1e-3)


# Law 2.


@some_memories
@cutting.few
@given(first=seeds, second=seeds)
def test_two_cuts_are_one(name: str, first: int, second: int) -> None:
    laws.assert_two_cuts_are_one(lambda: copied(name), first, second)


@some_memories
def test_growing_and_cutting_what_was_grown_is_the_identity(name: str) -> None:
    laws.assert_growth_can_be_cut(copied(name), 5)
    laws.assert_twins_say_the_same(copied(name))


@some_memories
def test_growing_keeps_every_output(name: str) -> None:
    policy = copied(name)
    before = laws.says(policy)
    units = sp.wire(policy)["lstm_actor"].units
    sp.apply(policy, {"lstm_actor": add(3, units, 1)})
    zoo.assert_close(laws.says(policy), before, 1e-6)


@every_memory
def test_an_empty_plan_changes_nothing(name: str) -> None:
    laws.assert_nothing_is_nothing(copied(name))


# Law 3.


@pytest.mark.slow
@some_memories
def test_every_live_parameter_is_optimised_after_a_cut(name: str) -> None:
    laws.assert_learning_goes_on(cut(name), 40)


def test_a_rollout_that_a_cut_interrupts_goes_on() -> None:
    """States of removed cells go, those of the others stay; new ones are zero."""
    model: Any = zoo.train(MAKERS["two"](), 40)
    before = [s.clone() for pair in model._last_lstm_states for s in pair]
    assert all(bool(state.any()) for state in before)
    stored = model.rollout_buffer.hidden_states_pi.copy()
    kept = [k for k in range(WIDTH) if k not in (2, 5)]
    sp.apply(model, {"lstm_actor": remove([2, 5], WIDTH)})
    after = [s for pair in model._last_lstm_states for s in pair]
    assert all(torch.equal(a, b[..., kept]) for a, b in zip(after, before, strict=True))
    assert np.array_equal(model.rollout_buffer.hidden_states_pi, stored[..., kept])
    model.train()  # On the rollout from before the cut.
    sp.apply(model, {"lstm_actor": add(3, 6, 1)})
    for state, old in zip(model._last_lstm_states.pi, after[:2], strict=True):
        assert torch.equal(state[..., :6], old) and not state[..., 6:].any()
    zoo.train_on(model, 40)


# Law 4.


def test_a_cut_run_and_a_masked_run_stay_equal() -> None:
    """Behind the LSTM, and before it, there are gates."""
    masked, same = (zoo.train(MAKERS["LSTM-Cnn"](), 40) for _ in range(2))
    laws.assert_masked_and_cut_stay_equal(masked, same, 8)


# Law 6.


@some_memories
def test_a_cut_model_is_saved_and_loaded_exactly(name: str) -> None:
    saving.assert_saved_exactly(cut(name))


# Law 7.


def test_training_with_open_gates_equals_the_stock_policy() -> None:
    make = MAKERS["LSTM-MultiInput"]
    laws.assert_equal_training(make, lambda: make(stock=True), 40)


# Law 8.


@every_memory
def test_a_refused_plan_leaves_the_model_untouched(name: str) -> None:
    laws.assert_wrong_plans_are_refused(copied(name))
