"""The laws of compensated cuts, for every algorithm."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import images
import laws
import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from compensation.made import inputs_of, redundant
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from sb3_prune.compensation import compensate
from sb3_prune.surgery import trial
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.targets import target_networks

few = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)
LOOKERS = {**images.LOOKERS, **images.REMEMBERING}
IMAGES = ["PPO-Cnn", "PPO-MultiInput", "DQN-Cnn", "SAC-Cnn", "TD3-MultiInput-shared"]
IMAGES += ["LSTM-Cnn", "LSTM-MultiInput"]

# Law 1: what the others can express can go.


def assert_exact(
    model: BaseAlgorithm, plan: sp.Plan, atol: float, inputs_seed: int = 1
) -> None:
    """Outputs of all networks stay; a plain cut of the same units moves them."""
    plain = trial.copied(model.policy)
    before = laws.says(model.policy)
    made, found = compensate(model, plan, inputs_of(model, seed=inputs_seed))
    assert not found.plain and found.fits.keys() == plan.keys()
    sp.apply(model, made)
    units = {name: change.after for name, change in plan.items()}
    assert sp.wire(model).units() == sp.wire(plain).units() | units
    zoo.assert_close(laws.says(model.policy), before, atol)
    sp.apply(plain, plan)
    with pytest.raises(AssertionError):
        zoo.assert_close(laws.says(plain), before, 10 * atol)


@pytest.mark.slow
@every_algorithm
@few
@given(seed=st.integers(0, 999), constants=st.booleans())
def test_units_that_others_repeat_go_without_a_trace(
    name: str, seed: int, constants: bool
) -> None:
    """In all layers at once: actors, critics, values and target networks."""
    scaled = name not in ("CrossQ", "RecurrentPPO")  # A norm or an LSTM scales back.
    relu = {"activation_fn": nn.ReLU}
    model = zoo.make_model(name, seed=seed, policy_kwargs=relu)
    plan = redundant(model, scaled=scaled, constants=constants)
    assert_exact(model, plan, 1e-5, seed + 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ofexi_zoo.FORMS)
@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
def test_repeated_units_of_a_features_extractor_go(name: str, norm: str) -> None:
    model = ofexi_zoo.make_model(name, ofe={"norm": norm})
    ofexi_zoo.scramble(model.policy)
    # A normalisation of fewer units is another one.
    plan = redundant(model, only=lambda layer: not layer.mixes)
    assert plan
    assert_exact(model, plan, 2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_repeated_channels_and_cells_go(name: str) -> None:
    """Of random images, features hardly differ: the fit sees their last digits."""
    model = LOOKERS[name].make()
    assert_exact(model, redundant(model), 1e-3)


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_shifts_and_columns_may_differ_between_twin_critics(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    plan = zoo.random_plan(model.policy)
    made, _ = compensate(model, plan, inputs_of(model))
    pairs = [("critic.qf0.0", "critic.qf1.0")]
    if name == "PPO":
        pairs = [("mlp_extractor.policy_net.0", "mlp_extractor.value_net.0")]
    for one, other in pairs:
        assert made[one].columns.any() and made[other].columns.any()
        assert not torch.equal(made[one].shifts, made[other].shifts)


@pytest.mark.parametrize("name", zoo.WITH_TARGETS)
def test_targets_get_the_same_columns_and_shifts(name: str) -> None:
    """With equal weights before, online and target networks are equal after."""
    model = zoo.train(zoo.make_model(name))
    policy = model.policy
    pairs = target_networks(policy)
    for online, targets in pairs.items():
        for target in targets:
            state = policy.get_submodule(online).state_dict()
            policy.get_submodule(target).load_state_dict(state, strict=False)
    made, _ = compensate(model, zoo.random_plan(policy), inputs_of(model))
    sp.apply(model, made)
    assert pairs
    for online, targets in pairs.items():
        state = policy.get_submodule(online).state_dict()
        for target in targets:
            found = policy.get_submodule(target).state_dict()
            assert all(torch.equal(found[key], state[key]) for key in found)


@every_algorithm
def test_a_model_is_as_it_was_after_its_plan_is_compensated(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    plan = zoo.random_plan(model.policy)
    before = zoo.snapshot(model.policy)
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    made, _ = compensate(model, plan, inputs_of(model))
    again, _ = compensate(model, plan, inputs_of(model))
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
    assert np.array_equal(np.random.get_state()[1], states[0])
    assert torch.equal(torch.get_rng_state(), states[1])
    for layer, change in made.items():
        assert torch.equal(change.rows.float(), plan[layer].rows)
        assert torch.equal(change.columns, again[layer].columns)
        assert torch.equal(change.shifts, again[layer].shifts)


# Law 2: outputs move less than by a plain cut.


@pytest.mark.slow
@every_algorithm
def test_a_compensated_cut_moves_outputs_less(name: str) -> None:
    model = zoo.train(zoo.make_model(name, policy_kwargs={"activation_fn": nn.Tanh}))
    inputs, plan = inputs_of(model, 1000), zoo.random_plan(model.policy)
    made, found = compensate(model, plan, inputs)
    plain, fitted = zoo.copy_policy(model), zoo.copy_policy(model)
    before = laws.says(model.policy)
    far = []
    for policy, changes in ((plain, plan), (fitted, made)):
        sp.apply(policy, changes)
        pairs = zip(before, laws.says(policy), strict=True)
        moved = [(x - y).nan_to_num() for x, y in pairs]  # Padding is infinite.
        far.append(sum(float(each.square().mean()) for each in moved) ** 0.5)
    assert far[1] < 0.75 * far[0]
    assert found.error < max(fit.plain for fit in found.fits.values())
    assert found.observations == 1000


# Law 3: two compensated cuts are one.


@pytest.mark.slow
@every_algorithm
def test_two_compensated_cuts_are_one(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    twin = zoo.copy_policy(model)
    first, _ = compensate(model, zoo.random_plan(model.policy), inputs_of(model))
    sp.apply(model, first)
    rest = zoo.random_plan(model.policy, seed=1, least=1)
    second, _ = compensate(model, rest, inputs_of(model))
    sp.apply(model, second)
    sp.apply(twin, first.then(second))
    zoo.assert_close(laws.says(twin), laws.says(model.policy), 1e-5)
    whole = zoo.copy_policy(zoo.train(zoo.make_model(name)))
    sp.apply(whole, sp.Plan(dict(first.then(second))))  # As a single step.
    zoo.assert_close(laws.says(whole), laws.says(model.policy), 1e-4)


# Law 4: the optimisers follow; training goes on.


def moments_of(policy: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """Copy the state of every parameter that an optimiser steps, by its name."""
    names = {id(p): name for name, p in policy.named_parameters()}
    return {
        names[id(p)]: {k: v.clone() for k, v in state.items() if torch.is_tensor(v)}
        for optimizer in optimizers(policy).values()
        for p, state in optimizer.state.items()
    }


@every_algorithm
def test_moments_are_those_of_the_units_that_stay(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    plan = zoo.random_plan(model.policy)
    made, _ = compensate(model, plan, inputs_of(model))
    plain = zoo.copy_policy(model)
    sp.apply(plain, plan)
    before = moments_of(plain)
    sp.apply(model, made)
    assert zoo.equal(moments_of(model.policy), before) and before


def train_with(model: BaseAlgorithm, steps: int = 96, **config: Any) -> Any:
    given = {"compensate": True, "steps": 2, "final_sparsity": 0.5, **config}
    callback = sp.PruningCallback("magnitude", given)
    zoo.train(model, steps, callback=callback)
    return callback


ENOUGH = {"A2C": 200}
"""Steps of a training whose rollouts have too few observations for an early cut."""


@pytest.mark.slow
@every_algorithm
def test_training_goes_on_after_compensated_cuts(name: str) -> None:
    model = zoo.make_model(name, policy_kwargs={"activation_fn": nn.Tanh})
    callback = train_with(model, ENOUGH.get(name, 128), begin=0.5)
    units = model.policy.initial_units
    assert sp.wire(model).units() == {n: k // 2 for n, k in units.items()}
    assert len(callback.history) == 3
    laws.assert_learning_goes_on(model, 128)


MAKERS: dict[str, Callable[[], BaseAlgorithm]] = {
    **{name: lambda name=name: zoo.make_model(name) for name in zoo.ALGORITHMS},
    **{name: lambda name=name: LOOKERS[name].make() for name in IMAGES[:4]},
    "OFEXi-SAC": lambda: ofexi_zoo.make_model("SAC"),
}  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_a_saved_agent_acts_as_before(name: str) -> None:
    model = zoo.train(MAKERS[name](), 64)
    made, _ = compensate(model, laws.cut(model.policy, 0), inputs_of(model))
    sp.apply(model, made)
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    loaded = type(model).load(buffer, env=model.env, device="cpu")
    assert sp.wire(loaded).units() == sp.wire(model).units()
    found, expected = laws.says(loaded.policy), laws.says(model.policy)
    assert all(torch.equal(x, y) for x, y in zip(found, expected, strict=True))
