"""The laws of surgery on images, and on dictionaries of images and vectors."""

from __future__ import annotations

from functools import cache

import cutting
import laws
import numpy as np
import pytest
import saving
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st
from images import LOOKERS
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import NatureCNN
from torch import nn

import sb3_prune as sp
from sb3_prune.exporting.compaction import compact
from sb3_prune.surgery import remove, trial

every_looker = pytest.mark.parametrize("name", LOOKERS)
some_lookers = pytest.mark.parametrize(
    "name", ["PPO-Cnn-apart", "SAC-Cnn-shared", "TD3-MultiInput-shared"]
)
seeds = st.integers(0, 10_000)


@cache
def stirred(name: str) -> BaseAlgorithm:
    return cutting.stirred(LOOKERS[name].make())


def copied(name: str) -> nn.Module:
    return trial.copied(stirred(name).policy)


@cache
def cut(name: str) -> BaseAlgorithm:
    """Return a trained model that was cut; train it further, but no more."""
    model = zoo.train(LOOKERS[name].make(), 24)
    sp.apply(model, cutting.cut(model.policy))
    return model


@every_looker
def test_every_layer_but_the_heads_is_listed_with_its_gate(name: str) -> None:
    policy = LOOKERS[name].make().policy
    wiring = sp.wire(policy)
    assert not wiring.fixed and not any(layer.mixes for layer in wiring.values())
    assert all(layer.gate is not None for layer in wiring.values())
    listed = {twin.module for layer in wiring.values() for twin in layer.with_targets()}
    convolutions = {m for m in policy.modules() if isinstance(m, nn.Conv2d)}
    features = {m.linear[0] for m in policy.modules() if isinstance(m, NatureCNN)}
    assert convolutions and convolutions | features <= listed


# Law 1.


@every_looker
def test_removing_dead_units_keeps_every_output(name: str) -> None:
    laws.assert_dead_units_go(cutting.stirred(LOOKERS[name].make()).policy)


@pytest.mark.slow
@some_lookers
def test_removing_constant_units_keeps_every_output(name: str) -> None:
    # No convolution of SB3's has padding, so what channels say can move.
    assert laws.assert_constants_move(lambda: copied(name)) == set(
        sp.wire(copied(name))
    )


@some_lookers
def test_removing_live_channels_changes_the_outputs(name: str) -> None:
    policy = copied(name)
    before = laws.says(policy)
    layer = next(la for la in sp.wire(policy).values() if la.name.endswith("cnn.2"))
    sp.apply(policy, {layer.name: remove(range(40), layer.units)})
    with pytest.raises(AssertionError):
        zoo.assert_close(laws.says(policy), before, 1e-3)


def test_a_channel_is_a_block_of_the_columns_behind_the_flatten() -> None:
    policy = copied("DQN-Cnn")
    extractor = policy.q_net.features_extractor
    positions = extractor.linear[0].in_features // 64
    old = extractor.linear[0].weight.detach().clone().unflatten(1, (64, positions))
    kept = [k for k in range(64) if k not in (0, 63, 7)]
    layer = "q_net.features_extractor.cnn.4"
    sp.apply(policy, {layer: remove([0, 63, 7], 64)})
    assert torch.equal(extractor.linear[0].weight, old[:, kept].flatten(1))
    assert extractor.cnn.get_submodule("4").out_channels == 61


# Law 2.


@pytest.mark.slow
@some_lookers
@cutting.few
@given(first=seeds, second=seeds)
def test_two_cuts_are_one(name: str, first: int, second: int) -> None:
    laws.assert_two_cuts_are_one(lambda: copied(name), first, second)


@some_lookers
def test_growing_and_cutting_what_was_grown_is_the_identity(name: str) -> None:
    laws.assert_growth_can_be_cut(copied(name), 5)
    laws.assert_twins_say_the_same(copied(name))


@some_lookers
def test_an_empty_plan_changes_nothing(name: str) -> None:
    laws.assert_nothing_is_nothing(copied(name))


# Law 3.


@pytest.mark.slow
@some_lookers
def test_every_live_parameter_is_optimised_after_a_cut(name: str) -> None:
    shared = "actor.features_extractor." if name.startswith("TD3-Multi") else "?"
    laws.assert_learning_goes_on(cut(name), 24, shared)


# Law 4.


@pytest.mark.parametrize("name", ["PPO-MultiInput", "SAC-Cnn-shared"])
def test_a_cut_run_and_a_masked_run_stay_equal(name: str) -> None:
    masked, same = (zoo.train(LOOKERS[name].make(), 24) for _ in range(2))
    laws.assert_masked_and_cut_stay_equal(masked, same, 8)


# Law 5.


@pytest.mark.parametrize("name", [n for n in LOOKERS if not n.startswith("PPO")])
def test_online_and_target_networks_have_equal_shapes(name: str) -> None:
    laws.assert_targets_follow(copied(name))


# Law 6.


@pytest.mark.slow
@some_lookers
def test_a_cut_model_is_saved_and_loaded_exactly(name: str) -> None:
    saving.assert_saved_exactly(cut(name))


@some_lookers
def test_features_of_a_stock_extractor_are_said_by_their_width(name: str) -> None:
    model = LOOKERS[name].make()
    layers = sp.wire(model.policy).values()
    said = [
        la for la in layers if ".cnn." not in la.name and "extractors" not in la.name
    ]
    sp.apply(model, {la.name: remove([0, 1], la.units) for la in said})
    plain = compact(model)
    assert type(plain.policy) is LOOKERS[name].policy
    assert np.allclose(saving.actions(plain), saving.actions(model), atol=1e-5)


# Law 7.


@some_lookers
def test_training_with_open_gates_equals_the_stock_policy(name: str) -> None:
    make = LOOKERS[name].make
    laws.assert_equal_training(make, lambda: make(stock=True), 24)


# Law 8.


@some_lookers
def test_a_refused_plan_leaves_the_model_untouched(name: str) -> None:
    laws.assert_wrong_plans_are_refused(copied(name))
