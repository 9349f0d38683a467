"""Code that runs only in training mode: cut right, fixed, or refused by name."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import zoo
from extracted import A, B, assert_refused, extracted
from torch import nn
from training_code import CUT, FIXED, REFUSED, Drawing, Noisy, Resetting, in_training

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import keep, remove, trial
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.flow.still import LEVELS, Still
from sb3_prune.surgery.trial import kill

GONE = [0, 1, 4, 5, 7, 9, 10]


def says(model: Any) -> torch.Tensor:
    """Return what the extractor says in training mode, whatever is drawn."""
    observations = torch.as_tensor(zoo.observations(model, 6))
    found = []
    for level in LEVELS:
        torch.manual_seed(0)
        random.seed(0)
        with quiet(model.policy, training=True), Still(level, 6):
            found.append(model.policy.extract_features(observations).detach())
    return torch.cat(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", CUT)
def test_a_cut_changes_nothing_in_training_mode_and_training_goes_on(name: str) -> None:
    step, build = CUT[name]
    model = extracted(in_training(step), build)
    layer = sp.wire(model.policy)[A]
    kill(layer, torch.tensor(GONE))
    before = says(model)
    sp.apply(model, {A: remove(GONE, 12)})
    assert model.policy.features_extractor.a.out_features == 5
    if not layer.mixes or name in ("losses in a list", "auxiliary head"):
        torch.testing.assert_close(says(model), before, rtol=1e-5, atol=1e-5)
    model.learn(32)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_a_width_in_training_is_refused(name: str) -> None:
    step, build, why = REFUSED[name]
    model = extracted(in_training(step), build)
    assert_refused(model, UnsupportedPolicyError, f"refuses '{A}' of .*{why}", units=7)


@pytest.mark.parametrize("name", FIXED)
def test_what_no_rule_knows_in_training_is_fixed_with_the_reason(name: str) -> None:
    step, why = FIXED[name]
    fixed = sp.wire(extracted(in_training(step)).policy).fixed
    assert {n: w for n, w in fixed.items() if n.startswith(A)}.values() == {why} or (
        set(fixed.values()) == {why}
    )


def test_a_slice_in_training_parts_a_layer() -> None:
    def halves(net: Any, h: torch.Tensor) -> torch.Tensor:
        return torch.cat([h[:, :6] * 0.5, h[:, 6:]], -1)

    model = extracted(in_training(halves))
    why = f"refuses '{A}.0.' of .*moves the .* in training mode"
    assert_refused(model, UnsupportedPolicyError, why, f"{A}[0]")


def noisy(kind: type[Noisy]) -> Any:
    def build(net: Any) -> None:
        net.a, net.b = kind(4, 12), kind(12, 8)

    return extracted(lambda net, x: net.b(net.a(x).relu()), build)


def test_noise_that_is_reset_follows() -> None:
    model = noisy(Resetting)
    assert not sp.wire(model.policy).fixed
    sp.apply(model, {f"{A}.mean": keep(range(5), 12), f"{B}.mean": keep(range(6), 8)})
    first, second = model.policy.features_extractor.a, model.policy.features_extractor.b
    assert (first.in_features, first.out_features) == (4, 5)
    assert (second.in_features, second.out_features) == (5, 6)
    first.reset_noise()
    second.reset_noise()
    assert first.noise.shape == (5, 4) and second.noise.shape == (6, 5)
    model.learn(32)


def test_noise_of_a_remembered_width_is_refused() -> None:
    model = noisy(Drawing)
    why = f"refuses '{A}.mean' of .*in training mode: RuntimeError"
    assert_refused(model, UnsupportedPolicyError, why, f"{A}.mean")


def test_a_layer_that_only_training_runs_stays_and_says_so() -> None:
    def build(net: Any) -> None:
        net.first, net.second = nn.Linear(12, 9), nn.Linear(9, 2)

    def step(net: Any, h: torch.Tensor) -> torch.Tensor:
        net.loss = net.second(net.first(h).relu()).square().mean()
        return h

    model = extracted(in_training(step), build)
    why = "only code of the training mode reads them"
    assert sp.wire(model.policy).fixed == {"features_extractor.first": why}
    sp.prune(model, "magnitude", {"final_sparsity": 0.5})
    assert model.policy.features_extractor.first.in_features == 6
    model.learn(32)


def test_a_known_policy_is_not_run_in_training_mode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = zoo.make_model("PPO", stock=True)
    modes: list[bool] = []
    monkeypatch.setattr(
        type(model.policy), "train", lambda self, mode=True: modes.append(mode)
    )
    sp.wire(model.policy)
    assert modes and not any(modes)


def test_a_trial_of_training_code_leaves_no_trace() -> None:
    step, build = CUT["losses in a list"]
    model = extracted(in_training(step), build)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    before = zoo.snapshot(model.policy)
    trial.require_trial(model.policy, {A})
    assert torch.equal(torch.rand(2), expected)
    assert model.policy.features_extractor.part == []
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
