"""Networks that users patch: pruned with the right figures, or refused by name."""

from __future__ import annotations

from typing import Any

import laws
import pytest
import torch
import zoo
from cutting import silence_readers
from patched import HALF, PI, SIX, VF, assert_fixed, first, half, patched
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import keep

# What reads units, and what mixes them.


def add_cost_head(policy: Any) -> None:
    policy.cost_net = nn.Linear(policy.mlp_extractor.latent_dim_vf, 1)


def costs(policy: Any, observations: torch.Tensor, actions: torch.Tensor) -> Any:
    """Declare that the cost head reads what the critic's last layer says."""

    def cost() -> torch.Tensor:
        features = policy.extract_features(observations)
        return policy.cost_net(policy.mlp_extractor.forward_critic(features))

    yield "cost", cost


def test_a_head_that_no_forward_reads_fixes_what_it_may_read() -> None:
    model = patched(add_cost_head, net_arch={"pi": [12, 8], "vf": [12, 10]})
    assert_fixed(model, f"{VF}.2", "no forward reads 'cost_net.weight'", 190)


def test_a_head_that_is_declared_follows() -> None:
    def declared(policy: Any) -> None:
        add_cost_head(policy)
        type(policy).extra_forwards = costs

    model = patched(declared)
    assert not sp.wire(model.policy).fixed
    laws.assert_dead_units_go(model.policy)
    width = model.policy.value_net.in_features
    kept = half(model)[f"{VF}.2"]
    old = model.policy.cost_net.weight.detach().clone()
    sp.apply(model, half(model))
    assert width == 7 and torch.equal(
        model.policy.cost_net.weight, old[:, : kept.after]
    )


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


@pytest.mark.slow
@pytest.mark.parametrize("mixer", MIXERS)
def test_the_report_says_what_mixes_and_how_far(mixer: str) -> None:
    model = MIXERS[mixer]()
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
        why, _, rest = said.partition(": before the first cut, outputs of a copy ")
        far = rest.partition("of all such layers had moved by ")[2]
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


@pytest.mark.slow
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
    laws.assert_refused(model.policy, {f"{PI}.2": keep([0, 1], 4)}, f"'{PI}.2'")
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
