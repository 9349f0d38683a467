"""Copies, movements and what is compared."""

import random
import threading

import numpy as np
import pytest
import torch
import zoo

from sb3_prune.exceptions import PluginError
from sb3_prune.pruning import look_at
from sb3_prune.surgery import apply, remove
from sb3_prune.surgery.weight_masks import mask_weights
from sb3_prune.testing.states import (
    are_equal,
    blaming,
    count_hooks,
    perturb,
    random_states,
    set_random_states,
    twin_of,
    weights_of,
    whole_twin_of,
)


def test_errors_name_the_step() -> None:
    with (
        pytest.raises(PluginError, match=r"^this raises KeyError: 'x'$"),
        blaming("this"),
    ):
        raise KeyError("x")
    with pytest.raises(PluginError, match=r"^known$"), blaming("this"):
        raise PluginError("known")


@pytest.mark.parametrize("name", ["SAC", "DQN", "TD3", "PPO"])
def test_a_twin_is_pruned_alone(name: str) -> None:
    model = zoo.make_model(name)
    before, twin = weights_of(model), twin_of(model)
    assert are_equal(weights_of(twin), before)
    units = look_at(twin, 0.0).wiring.units()
    apply(twin, {layer: remove([0], k) for layer, k in units.items()})
    perturb(twin, 0)
    assert are_equal(weights_of(model), before)


def test_weights_move_alike_for_a_seed() -> None:
    one, two = (zoo.make_model("PPO") for _ in range(2))
    before = weights_of(one)
    perturb(one, 3)
    assert not are_equal(weights_of(one), before)
    perturb(two, 3)
    assert are_equal(weights_of(one), weights_of(two))


def test_masked_weights_stay_zero_and_their_hooks_do_not_count() -> None:
    model = zoo.make_model("SAC")
    path = next(iter(look_at(model, 0.0).wiring))
    weight = model.policy.get_submodule(path).weight
    hooks = count_hooks(model)
    mask_weights(model, {path: torch.zeros_like(weight, dtype=torch.bool)})
    perturb(model, 0)
    assert not weight.any()
    assert count_hooks(model) == hooks
    weight.register_hook(lambda g: g)
    assert count_hooks(model) == hooks + 1


def test_draws_change_random_states() -> None:
    before = random_states()
    assert random_states() == before
    torch.rand(())
    np.random.random()
    random.random()
    assert all(state != before[name] for name, state in random_states().items())


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_a_whole_twin_trains_alike_and_alone(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    twin, states, before = whole_twin_of(model), random_states(), weights_of(model)
    assert twin is not None
    zoo.train(twin)
    assert are_equal(weights_of(model), before)
    assert not are_equal(weights_of(twin), before)
    set_random_states(states)
    assert random_states() == states


def test_what_cannot_be_copied_has_no_twin() -> None:
    model = zoo.make_model("PPO")
    model.lock = threading.Lock()
    assert whole_twin_of(model) is None
