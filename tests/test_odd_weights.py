"""Weights that are not what they seem: pruned right, or refused by name."""

from __future__ import annotations

from typing import Any

import laws
import pytest
import torch
import zoo
from patched import HALF, PI, SIX, VF, assert_fixed, first, half, patched
from torch import nn
from torch.nn.utils import parametrizations, prune, remove_weight_norm, weight_norm
from torch.nn.utils.parametrize import remove_parametrizations

import sb3_prune as sp
from sb3_prune.exceptions import (
    NonFiniteError,
    PlanError,
    SB3PruneError,
    UnsupportedPolicyError,
)
from sb3_prune.surgery import add, comparison, merge, remove, reset, split

# Weights that are not what they seem.


def test_weights_pruned_by_torch_stay_pruned() -> None:
    model = patched(lambda policy: None)
    linear = first(model.policy)
    prune.l1_unstructured(linear, "weight", amount=0.3)
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    mask = linear.weight_mask.clone()
    report = sp.apply(model, half(model))
    assert report.parameters == (413, HALF) and not report.fixed
    assert torch.equal(linear.weight_mask, mask[:6])
    laws.assert_learning_goes_on(model)
    model.predict(zoo.observations(model, 1))
    assert linear.weight.shape == (6, 4) and linear.out_features == 6
    assert not linear.weight[mask[:6] == 0].any() and bool((mask[:6] == 0).any())
    prune.remove(linear, "weight")
    assert linear.weight.shape == (6, 4)
    assert sp.wire(model.policy).units()[f"{PI}.0"] == 6


@pytest.mark.parametrize(
    "change",
    [
        split([0, 1], 12),
        merge([[0, 1], *([k] for k in range(2, 12))], 12),
        add(2, 12),
        reset([3], 12, seed=0),
    ],
    ids=["split", "merge", "add", "reset"],
)
@pytest.mark.parametrize("pruned", [(0,), (2,), (0, 2)])
def test_units_of_weights_pruned_by_torch_are_removed_or_stay(
    change: Any, pruned: tuple[int, ...]
) -> None:
    model = patched(lambda policy: None)
    linears = [m for m in model.policy.mlp_extractor.policy_net if hasattr(m, "weight")]
    for number in pruned:
        prune.random_unstructured(linears[number // 2], "weight", amount=0.3)
    twins = change.kept is not None and pruned == (0,)
    if twins:  # Their readers are plain, and their rows are copies.
        model.predict(zoo.observations(model, 1))
        before = comparison.outputs(model.policy)
        sp.apply(model.policy, {f"{PI}.0": change})
        moved = comparison.moved(before, comparison.outputs(model.policy))
        assert max(moved.values()) < 1e-6
        return
    why = "computed from other tensors.* can only be removed"
    laws.assert_refused(model.policy, {f"{PI}.0": change}, why)


def test_weight_norm_fixes_its_layer_until_it_is_removed() -> None:
    model = patched(lambda policy: parametrizations.weight_norm(first(policy)))
    hint = "no rule for weight_norm; call torch.nn.utils.parametrize.remove_parametriz"
    # Twelve lengths more; of the critic's units and of the last layer's half go.
    assert_fixed(model, f"{PI}.0", hint, 220)
    remove_parametrizations(first(model.policy), "weight")
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    sp.apply(model, {f"{PI}.0": SIX})
    laws.assert_learning_goes_on(model)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_weight_norm_of_the_old_kind_fixes_its_layer_until_it_is_removed() -> None:
    model = patched(lambda policy: weight_norm(first(policy)))
    hint = "no rule for weight_norm; call torch.nn.utils.remove_weight_norm first"
    assert_fixed(model, f"{PI}.0", hint, 220)
    remove_weight_norm(first(model.policy))
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    sp.apply(model, {f"{PI}.0": SIX})
    laws.assert_learning_goes_on(model)


def test_spectral_norm_fixes_its_layer() -> None:
    model = patched(lambda policy: parametrizations.spectral_norm(first(policy)))
    assert_fixed(model, f"{PI}.0", "no rule for vdot; call torch.nn.utils.para", 208)


def test_an_agent_of_spectral_norms_alone_has_nothing_to_prune() -> None:
    def everywhere(policy: Any) -> None:
        for module in policy.mlp_extractor.modules():
            if isinstance(module, nn.Linear):
                parametrizations.spectral_norm(module)

    model = patched(everywhere)
    before = zoo.snapshot(model.policy)
    named = rf"no hidden layer to prune: {PI}.0: .*remove_parametrizations first"
    with pytest.raises(UnsupportedPolicyError, match=named):
        sp.prune(model)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


# What cannot be kept.


def test_constants_behind_a_reader_without_bias_are_reported() -> None:
    def without_bias(policy: Any) -> None:
        policy.mlp_extractor.policy_net[2] = nn.Linear(12, 10, bias=False)

    model = patched(without_bias, activation_fn=nn.Softplus)
    first(model.policy).weight.data[:3] = 0.0
    report = sp.apply(model, {f"{PI}.0": remove([3, 4], 12)})
    assert not report.unfolded
    report = sp.apply(model, {f"{PI}.0": remove([0, 1, 2], 10)})
    assert report.unfolded == {f"{PI}.0": "a reader has no bias"}


@pytest.mark.parametrize("side", ["rows", "columns"])
def test_a_change_that_makes_weights_infinite_is_refused(side: str) -> None:
    policy = patched(lambda policy: None).policy
    huge, ones = torch.full((5, 12), 3e38), torch.ones(5, 12)
    rows, columns = (huge, ones) if side == "rows" else (ones, huge)
    with torch.no_grad():
        for layer in sp.wire(policy).values():
            layer.module.weight.fill_(1.0)
    change = sp.Change(rows=rows, columns=columns.T)
    before = zoo.snapshot(policy)
    with pytest.raises(NonFiniteError, match="would become infinite"):
        sp.apply(policy, {f"{PI}.0": change})
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_a_compiled_policy_is_refused() -> None:
    model = patched(lambda policy: None)
    model.policy = torch.compile(model.policy, backend="eager")
    with pytest.raises(UnsupportedPolicyError, match="policy is compiled: prune first"):
        sp.prune(model)


def test_a_compiled_network_is_refused_by_name() -> None:
    model = zoo.make_model("DQN")
    model.policy.q_net = torch.compile(model.policy.q_net, backend="eager")
    with pytest.raises(
        UnsupportedPolicyError, match=r"'q_net' of .*compiled.* in place"
    ):
        sp.prune(model)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_scripted_network_fixes_what_it_may_read() -> None:
    model = patched(lambda policy: None)
    net = model.policy.mlp_extractor.policy_net
    model.policy.mlp_extractor.policy_net = torch.jit.trace(net, torch.zeros(1, 4))
    before = zoo.says(model.policy)
    assert not sp.wire(model.policy)
    with pytest.raises(PlanError, match="no forward reads"):
        sp.apply(model, {f"{VF}.0": SIX})
    assert zoo.equal(zoo.says(model.policy), before)


def test_a_network_that_was_replaced_is_pruned() -> None:
    model = patched(lambda policy: None)
    wrapped = nn.Sequential(model.policy.mlp_extractor.policy_net)
    model.policy.mlp_extractor.policy_net = wrapped
    report = sp.prune(model, "magnitude", {"final_sparsity": 0.5})
    assert report.parameters == (413, HALF)
    assert report.units[f"{PI}.0.0"] == (12, 6)
    with pytest.raises(SB3PruneError, match="no hidden layer"):
        sp.prune(patched(lambda policy: None, net_arch=[]))


# What belongs to a parameter besides its values.


def test_two_parameters_at_one_place_are_refused_by_name() -> None:
    model = patched(lambda policy: None)
    other = model.policy.mlp_extractor.value_net[0]
    other.weight.data = first(model.policy).weight.data
    before = zoo.snapshot(model.policy)
    for name in (f"{PI}.0", f"{VF}.0"):
        with pytest.raises(PlanError, match=r"are two parameters that share memory"):
            sp.apply(model, {name: SIX})
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
    sp.apply(model, {})


def test_marks_on_parameters_stay() -> None:
    model = patched(lambda policy: None)
    first(model.policy).weight.no_decay = True
    first(model.policy).bias.group = "slow"
    sp.apply(model, half(model))
    assert first(model.policy).weight.no_decay is True
    assert first(model.policy).bias.group == "slow"
    laws.assert_learning_goes_on(model)
