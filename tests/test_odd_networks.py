"""Networks that users patch: pruned with the right figures, or refused by name."""

from __future__ import annotations

from typing import Any

import laws
import pytest
import torch
import zoo
from cutting import silence_readers
from patched import HALF, PI, VF, half, patched
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import MlpExtractor
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
from sb3_prune.surgery import keep, remove

SIX = keep(range(6), 12)


def first(policy: Any) -> nn.Linear:
    linear: nn.Linear = policy.mlp_extractor.policy_net[0]
    return linear


def assert_fixed(model: BaseAlgorithm, layer: str, why: str, parameters: int) -> None:
    """Assert that one layer stays, says why, and that all others are cut."""
    wiring = sp.wire(model.policy)
    assert list(wiring.fixed) == [layer]
    assert wiring.fixed[layer].startswith(why)
    laws.assert_refused(model.policy, {layer: SIX}, f"'{layer}' cannot change: ")
    report = sp.apply(model, half(model))
    assert report.fixed == sp.wire(model.policy).fixed == {layer: wiring.fixed[layer]}
    assert report.parameters[1] == parameters
    zoo.train_on(model)


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


def test_weight_norm_fixes_its_layer_until_it_is_removed() -> None:
    model = patched(lambda policy: parametrizations.weight_norm(first(policy)))
    hint = "no rule for weight_norm; torch.nn.utils.parametrize.remove_parametrizations"
    # Twelve lengths more; of the critic's units and of the last layer's half go.
    assert_fixed(model, f"{PI}.0", hint, 220)
    remove_parametrizations(first(model.policy), "weight")
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    sp.apply(model, {f"{PI}.0": SIX})
    laws.assert_learning_goes_on(model)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_weight_norm_of_the_old_kind_fixes_its_layer_until_it_is_removed() -> None:
    model = patched(lambda policy: weight_norm(first(policy)))
    hint = "no rule for weight_norm; torch.nn.utils.remove_weight_norm first"
    assert_fixed(model, f"{PI}.0", hint, 220)
    remove_weight_norm(first(model.policy))
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    sp.apply(model, {f"{PI}.0": SIX})
    laws.assert_learning_goes_on(model)


def test_spectral_norm_fixes_its_layer() -> None:
    model = patched(lambda policy: parametrizations.spectral_norm(first(policy)))
    assert_fixed(model, f"{PI}.0", "no rule for vdot; torch.nn.utils.parametrize", 208)


def test_an_agent_of_spectral_norms_alone_has_nothing_to_prune() -> None:
    def everywhere(policy: Any) -> None:
        for module in policy.mlp_extractor.modules():
            if isinstance(module, nn.Linear):
                parametrizations.spectral_norm(module)

    model = patched(everywhere)
    before = zoo.snapshot(model.policy)
    named = rf"no hidden layer to prune: {PI}.2: .*remove_parametrizations first"
    with pytest.raises(UnsupportedPolicyError, match=named):
        sp.prune(model)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


# What reads units, and what mixes them.


def add_cost_head(policy: Any) -> None:
    policy.cost_net = nn.Linear(policy.mlp_extractor.latent_dim_vf, 1)


def costs(policy: Any, observations: torch.Tensor, actions: torch.Tensor) -> Any:
    """Declare that the cost head reads what the critic's last layer says."""
    latent = policy.mlp_extractor.forward_critic(policy.extract_features(observations))
    yield "cost", lambda: policy.cost_net(latent)


def test_a_head_that_no_forward_reads_fixes_what_it_may_read() -> None:
    model = patched(add_cost_head, net_arch={"pi": [12, 8], "vf": [12, 10]})
    assert_fixed(model, f"{VF}.2", "no forward reads 'cost_net.weight'", 201)


def test_a_head_that_is_declared_follows() -> None:
    model = patched(add_cost_head)
    type(model.policy).extra_forwards = costs
    assert not sp.wire(model.policy).fixed
    head = model.policy.cost_net
    old = head.weight.detach().clone()
    laws.assert_dead_units_go(model.policy)
    sp.apply(model, half(model))
    assert head.in_features == model.policy.value_net.in_features < 10
    assert head.weight.shape[1] == head.in_features and old.shape[1] == 10
    assert bool(model.policy.cost_net(torch.ones(1, head.in_features)).isfinite())


def between(module: nn.Module) -> Any:
    """Return what puts a module behind the actor's first layer."""
    return lambda policy: policy.mlp_extractor.policy_net.insert(1, module)


def test_a_group_norm_of_several_groups_fixes_its_layer() -> None:
    model = patched(between(nn.GroupNorm(3, 12)))
    assert_fixed(model, f"{PI}.0", "group_norm has several groups", 232)


class Centred(nn.Module):
    """A ReLU of what differs from the mean."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x - x.mean(-1, keepdim=True))


class Softmax(nn.Softmax):
    """An activation without arguments."""

    def __init__(self) -> None:
        super().__init__(-1)


MIXERS = {
    "layer_norm": lambda: patched(between(nn.RMSNorm(12))),
    "a reduction": lambda: patched(lambda policy: None, activation_fn=Centred),
    "softmax": lambda: patched(lambda policy: None, activation_fn=Softmax),
}


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_report_says_what_mixes_and_how_far(mixer: str) -> None:
    model = MIXERS[mixer]()
    before = zoo.says(model.policy)
    mixed = {n for n, la in sp.wire(model.policy).items() if la.mixes}
    assert f"{PI}.0" in mixed
    plan = {name: half(model)[name] for name in mixed}
    for name, change in plan.items():
        silence_readers(sp.wire(model.policy)[name], change.removed.tolist())
    before = zoo.says(model.policy)
    report = sp.apply(model, plan)
    with pytest.raises(AssertionError):  # Law 1's exception.
        zoo.assert_close(zoo.says(model.policy), before, 1e-5)
    assert set(report.mixing) == mixed
    for said in report.mixing.values():
        why, _, far = said.partition(": outputs of a copy moved by ")
        assert why == mixer and 1e-5 < float(far) < 1
    laws.assert_optimised(model.policy)
    zoo.train_on(model)


class Block(nn.Module):
    """x + f(x)."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 12, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.linear(x)


@pytest.mark.parametrize("bias", [True, False])
def test_the_makers_of_a_sum_are_cut_together(bias: bool) -> None:
    def residual(policy: Any) -> None:
        body = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), Block(bias))
        policy.mlp_extractor.policy_net = body
        policy.action_net = nn.Linear(12, 2)

    model = patched(residual)
    assert sp.wire(model.policy).units() == {
        f"{PI}.0": 12,
        f"{VF}.0": 12,
        f"{VF}.2": 10,
    }
    laws.assert_dead_units_go(model.policy)
    model = patched(residual, activation_fn=nn.Tanh)
    report = sp.apply(model, half(model))
    # Six units of five weights, a block of 36 and the head; the critic's 71.
    assert report.parameters[1] == 30 + 36 + 6 * bias + 14 + 71
    laws.assert_learning_goes_on(model)


class Skipping(MlpExtractor):
    """Adds the observation, of four numbers, to what comes out."""

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.policy_net(features)


FOUR_LAST = {"pi": [12, 4], "vf": [12, 10]}


def test_what_is_added_to_an_observation_is_fixed() -> None:
    def skip(policy: Any) -> None:
        policy.mlp_extractor.__class__ = Skipping

    model = patched(skip, net_arch=FOUR_LAST)
    assert f"{PI}.2" not in sp.wire(model.policy)
    laws.assert_refused(model.policy, {f"{PI}.2": keep([0, 1], 4)})
    laws.assert_dead_units_go(model.policy)
    sp.apply(model, half(model))
    laws.assert_optimised(model.policy)
    zoo.train_on(model)


def test_a_function_that_refers_to_the_original_is_refused() -> None:
    def skip(policy: Any) -> None:
        net = policy.mlp_extractor.policy_net
        policy.mlp_extractor.forward_actor = lambda x: x + net(x)

    model = patched(skip, net_arch=FOUR_LAST)
    why = "its copy has other layers: a function refers to modules of the original"
    laws.assert_refused(model.policy, {f"{PI}.0": SIX}, why)


def share_first(policy: Any) -> None:
    policy.mlp_extractor.value_net[0] = first(policy)


def test_a_shared_layer_is_cut_once() -> None:
    model = patched(share_first, activation_fn=nn.Tanh)
    assert sp.wire(model.policy).units() == {
        f"{PI}.0": 12,
        f"{PI}.2": 10,
        f"{VF}.2": 10,
    }
    assert sp.apply(model, half(model)).parameters == (353, HALF - 30)
    assert first(model.policy) is model.policy.mlp_extractor.value_net[0]
    laws.assert_learning_goes_on(model)


def test_a_shared_layer_belongs_to_the_first_network_that_has_it() -> None:
    model = patched(share_first)
    config = {"final_sparsity": 0.5, "networks": (PI,)}
    report = sp.prune(model, "magnitude", config)
    assert report.units == {f"{PI}.0": (12, 6), f"{PI}.2": (10, 5)}
    zoo.train_on(model)


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
        first(policy).weight.fill_(1.0)
        policy.mlp_extractor.policy_net[2].weight.fill_(1.0)
    change = sp.Change(rows=rows, columns=columns.T)
    before = zoo.snapshot(policy)
    with pytest.raises(NonFiniteError, match="would become infinite"):
        sp.apply(policy, {f"{PI}.0": change})
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_a_compiled_policy_is_refused() -> None:
    model = patched(lambda policy: None)
    model.policy = torch.compile(model.policy)
    with pytest.raises(UnsupportedPolicyError, match="policy is compiled: prune first"):
        sp.prune(model)


def test_a_compiled_network_is_refused_by_name() -> None:
    model = zoo.make_model("DQN")
    model.policy.q_net = torch.compile(model.policy.q_net)
    with pytest.raises(UnsupportedPolicyError, match="'q_net' of MaskedDQN.*compiled"):
        sp.prune(model)


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
