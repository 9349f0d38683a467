"""The laws of surgery on networks that users write (tests/user_networks)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cutting
import laws
import pytest
import saving
import zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from images import LOOKERS, REMEMBERING
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn
from user_networks import USER_CASES, make_user_model

import sb3_prune as sp
from sb3_prune.exceptions import PlanError
from sb3_prune.surgery import remove, trial
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer

REFUSED = [n for n, case in USER_CASES.items() if case.expectation == "refused"]
CUTTABLE = [
    name
    for name, case in USER_CASES.items()
    if name not in REFUSED and (case.prunable or case.mixes)
]
MIXING = [name for name, case in USER_CASES.items() if case.mixes]
TYPICAL = [
    *("residual", "dense-net", "functional", "gated-by-chunk", "noisy", "gru-frames"),
    *("own-running-norm", "squeeze-excite", "channels-last", "branches", "two-speed"),
    *("twin-weight", "state-dependent-noise", "dueling-dqn", "own-sac", "own-td3"),
]
SAVED = [
    *("functional", "gated-by-chunk", "gru-frames", "own-running-norm"),
    *("branches", "two-speed", "own-sac", "own-td3"),
]
LEARNING = [*SAVED, "state-dependent-noise", "squeeze-excite"]
FIXED = [
    *("four-groups-normed", "weight-normed", "spectral-normed"),
    *("hard-vector", "reversed", "neighbours", "top-units", "numpy-detour"),
    *("attention", "separable", "cost-head"),
]
WITH_TARGETS = ["dueling-dqn", "bare-dqn", "cnn-dqn", "own-sac", "cnn-sac", "own-td3"]
GATED = ["branches", "deep-heads", "dueling-dqn"]
ON_IMAGES = ["TD3-MultiInput-shared", "LSTM-Cnn"]
seeds = st.integers(0, 10_000)


def make(name: str) -> BaseAlgorithm:
    """Make the model of a case, with a masked policy."""
    return make_user_model(name, sp.MaskedPolicyMixin)


@cache
def stirred(name: str) -> BaseAlgorithm:
    return cutting.stirred(make(name))


def copied(name: str) -> nn.Module:
    return trial.copied(stirred(name).policy)


@cache
def cut(name: str) -> BaseAlgorithm:
    """Return a trained model that was cut; train it further, but no more."""
    model = zoo.train(make(name), 32)
    sp.apply(model, cutting.cut(model.policy))
    return model


# The table.


def makers(policy: nn.Module, layer: HiddenLayer) -> Iterator[str]:
    """Yield all that makes the units of a layer, in the words of the table."""
    paths = {module: path for path, module in policy.named_modules()}
    for slot in layer.group.slots:
        if slot.side is Side.ROWS:
            path = f"{paths[slot.owner]}.{slot.attribute}".removesuffix(".weight")
            stop = slot.start + layer.units * slot.block
            whole = stop - slot.start == slot.tensor.shape[slot.axis]
            yield path if whole else f"{path}[{slot.start}:{stop}]"


@pytest.mark.slow
@pytest.mark.parametrize("name", USER_CASES)
def test_every_layer_is_prunable_mixing_or_fixed_as_the_table_says(name: str) -> None:
    case, policy = USER_CASES[name], make_user_model(name).policy
    wiring = sp.wire(policy)
    tried = [la for la in wiring.values() if la.group.soft or name in REFUSED + TYPICAL]
    refuted = trial.refute(policy, tried) if tried else {}
    assert bool(refuted) == (name in REFUSED)
    free = {n: la for n, la in wiring.items() if n not in refuted and la.units > 1}
    layers = {maker: la for la in free.values() for maker in makers(policy, la)}
    expected = case.prunable | case.mixes
    assert expected == {n: layers[n].units for n in expected if n in layers}
    assert {n for n in expected if layers[n].mixes} == set(case.mixes)
    assert {layers[n].name for n in expected} == set(free)
    assert not case.fixed.keys() & layers.keys()


# Law 1.


@pytest.mark.slow
@pytest.mark.parametrize("name", CUTTABLE)
def test_removing_dead_units_keeps_every_output(name: str) -> None:
    laws.assert_dead_units_go(cutting.stirred(make_user_model(name)).policy)


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPICAL)
def test_removing_constant_units_keeps_every_output_or_says_why(name: str) -> None:
    assert laws.assert_constants_move(lambda: copied(name))


@pytest.mark.parametrize(
    "name", ["residual", "lstm-cell", "remembering", "squeeze-excite", "own-sac"]
)
def test_removing_live_units_changes_the_outputs(name: str) -> None:
    policy = copied(name)
    before = laws.says(policy)
    sp.apply(policy, cutting.cut(policy))
    with pytest.raises(AssertionError):
        zoo.assert_close(laws.says(policy), before, 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXING)
def test_the_report_says_how_far_mixing_moves_the_outputs(name: str) -> None:
    policy = copied(name)
    plan = cutting.cut(policy)
    mixing = [n for n in plan if sp.wire(policy)[n].mixes]
    for layer in mixing:
        cutting.silence_readers(sp.wire(policy)[layer], plan[layer].removed.tolist())
    report = sp.apply(policy, {layer: plan[layer] for layer in mixing})
    assert set(report.mixing) == set(mixing)
    far = [float(how.rpartition("moved by ")[2]) for how in report.mixing.values()]
    # Dividing by the length of all units is the one that the dead are no part of.
    assert max(far) > 1e-5 or name == "unit-length"


# Law 2.


@pytest.mark.slow
@settings(cutting.few, max_examples=16)
@given(name=st.sampled_from(CUTTABLE), first=seeds, second=seeds)
def test_two_cuts_are_one(name: str, first: int, second: int) -> None:
    laws.assert_two_cuts_are_one(lambda: copied(name), first, second)


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPICAL)
def test_growing_and_cutting_what_was_grown_is_the_identity(name: str) -> None:
    if name == "noisy":  # Noise in a buffer that nobody is known to draw anew.
        with pytest.raises(PlanError, match="units can only be removed"):
            laws.assert_growth_can_be_cut(copied(name), 5)
        return
    laws.assert_growth_can_be_cut(copied(name), 5)
    if name != "state-dependent-noise":  # Noise of twins differs.
        laws.assert_twins_say_the_same(copied(name))


@pytest.mark.parametrize("name", TYPICAL)
def test_an_empty_plan_changes_nothing(name: str) -> None:
    laws.assert_nothing_is_nothing(copied(name))


# Law 3.


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_every_live_parameter_is_optimised_after_a_cut(name: str) -> None:
    shared = "actor.features_extractor." if name == "own-td3" else "?"
    laws.assert_learning_goes_on(cut(name), shared=shared)


# Law 4.


@pytest.mark.slow
@pytest.mark.parametrize("name", GATED)
def test_a_cut_run_and_a_masked_run_stay_equal(name: str) -> None:
    masked, same = (zoo.train(make(name)) for _ in range(2))
    laws.assert_masked_and_cut_stay_equal(masked, same)


# Law 5.


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_TARGETS)
@cutting.few
@given(seed=seeds)
def test_online_and_target_networks_have_equal_shapes(name: str, seed: int) -> None:
    laws.assert_targets_follow(copied(name), seed)


# Law 6.


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVED)
def test_a_cut_model_is_saved_and_loaded_exactly(name: str) -> None:
    saving.assert_saved_exactly(cut(name))


@pytest.mark.slow
def test_a_fresh_process_loads_every_cut_model(tmp_path: Path) -> None:
    models = {name: make(name) for name in SAVED[::2]}
    models |= {n: (LOOKERS | REMEMBERING)[n].make() for n in ON_IMAGES}
    for model in models.values():
        sp.apply(model, cutting.cut(model.policy))
    saving.assert_a_fresh_process_acts_alike(models, tmp_path)


# Law 7.


@pytest.mark.parametrize("name", [*GATED, "two-speed"])
def test_training_with_open_gates_equals_the_stock_policy(name: str) -> None:
    laws.assert_equal_training(lambda: make(name), lambda: make_user_model(name))


# Law 8.


@pytest.mark.parametrize("name", TYPICAL)
def test_a_refused_plan_leaves_the_model_untouched(name: str) -> None:
    laws.assert_wrong_plans_are_refused(copied(name))


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_trial_refutes_is_refused_and_untouched(name: str) -> None:
    policy = trial.copied(make(name).policy)
    laws.assert_refused(policy, cutting.cut(policy), "A trial cut refuses")


@pytest.mark.parametrize("name", FIXED)
def test_fixed_units_are_refused_with_the_reason(name: str) -> None:
    policy = copied(name)
    fixed = sp.wire(policy).fixed
    assert set(map(len, fixed.values())) - {0}
    for layer in fixed:
        laws.assert_refused(policy, {layer: remove([0], 12)}, "cannot change: ")
