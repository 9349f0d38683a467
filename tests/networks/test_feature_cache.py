"""Tests for networks/feature_cache.py."""

from __future__ import annotations

import copy
from typing import Any
from unittest import mock

import ofexi_zoo
import pytest
import torch
from torch import nn

import sb3_prune as sp
from sb3_prune.networks import ofexinet
from sb3_prune.networks.feature_cache import FeatureCache
from sb3_prune.networks.ofexinet import OFEXiConfig, OFEXiNet

OBS = torch.arange(6.0).reshape(2, 3)


class Counting:
    """Twice the observations, and how often it was asked."""

    calls = 0

    def __call__(self, observations: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return 2 * observations


@pytest.fixture
def cache() -> FeatureCache:
    return FeatureCache()


@pytest.fixture
def function() -> Counting:
    return Counting()


# What is remembered.


def test_equal_observations_are_computed_once(
    cache: FeatureCache, function: Counting
) -> None:
    first = cache(function, OBS, [])
    assert torch.equal(first, 2 * OBS)
    assert cache(function, OBS.clone(), []) is first
    assert function.calls == 1


def test_two_batches_are_remembered_and_no_third(
    cache: FeatureCache, function: Counting
) -> None:
    for batch in (OBS, OBS + 1, OBS, OBS + 1):
        cache(function, batch, [])
    assert function.calls == 2
    cache(function, OBS + 2, [])
    cache(function, OBS, [])
    assert function.calls == 4


@pytest.mark.parametrize(
    "other", [OBS[:1], OBS + torch.eye(2, 3) * 1e-6, OBS.double(), OBS.T]
)
def test_other_observations_are_computed(
    cache: FeatureCache, function: Counting, other: torch.Tensor
) -> None:
    cache(function, OBS, [])
    found = cache(function, other, [])
    assert torch.equal(found, 2 * other) and found.dtype == other.dtype
    assert function.calls == 2


def test_observations_that_are_overwritten_are_new(
    cache: FeatureCache, function: Counting
) -> None:
    buffer = OBS.clone()
    cache(function, buffer, [])
    buffer += 1
    assert torch.equal(cache(function, buffer, []), 2 * OBS + 2)


def test_nothing_that_is_not_a_number_is_taken_for_equal(
    cache: FeatureCache, function: Counting
) -> None:
    for _ in range(2):
        cache(function, torch.full((2, 3), torch.nan), [])
    assert function.calls == 2


def test_no_gradient_passes(cache: FeatureCache) -> None:
    weight = nn.Parameter(torch.ones(3))
    assert not cache(lambda x: x * weight, OBS, [weight]).requires_grad


def test_what_inference_mode_computes_is_not_kept(
    cache: FeatureCache, function: Counting
) -> None:
    """Autograd refuses such tensors."""
    with torch.inference_mode():
        cache(function, OBS, [])
    weight = nn.Parameter(torch.ones(3))
    (cache(function, OBS, []) * weight).sum().backward()
    assert weight.grad is not None


def test_a_copy_begins_empty(cache: FeatureCache, function: Counting) -> None:
    cache(function, OBS, [])
    twin = copy.deepcopy(cache)
    for batch in (OBS, OBS + 1, OBS, OBS + 1):
        twin(function, batch, [])
    assert function.calls == 3


def test_clearing_forgets(cache: FeatureCache, function: Counting) -> None:
    cache(function, OBS, [])
    cache.clear()
    cache(function, OBS, [])
    assert function.calls == 2


# What makes it forget.


def write(weight: nn.Parameter) -> nn.Parameter:
    with torch.no_grad():
        weight.add_(1)
    return weight


def replace(weight: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(weight.detach().clone())


def give_other_memory(weight: nn.Parameter) -> nn.Parameter:
    weight.data = weight.data + 1
    return weight


@pytest.mark.parametrize("change", [write, replace, give_other_memory])
def test_a_changed_weight_makes_it_forget(
    cache: FeatureCache, function: Counting, change: Any
) -> None:
    weight = nn.Parameter(torch.ones(3))
    cache(function, OBS, [weight])
    weight = change(weight)
    cache(function, OBS, [weight])
    assert function.calls == 2
    cache(function, OBS, [weight])
    assert function.calls == 2


def test_memory_that_is_given_away_again_is_no_proof(
    cache: FeatureCache, function: Counting
) -> None:
    weight = nn.Parameter(torch.ones(1000))
    cache(function, OBS, [weight])
    for calls in range(2, 12):
        weight.data = torch.ones(1000)
        weight.data = torch.zeros(1000)  # Perhaps where the first one was.
        cache(function, OBS, [weight])
        assert function.calls == calls


def test_one_weight_more_or_less_makes_it_forget(
    cache: FeatureCache, function: Counting
) -> None:
    weights = [nn.Parameter(torch.ones(3)) for _ in range(2)]
    for known in (weights, weights[:1], weights[::-1]):
        cache(function, OBS, known)
    assert function.calls == 3


# What changes an extractor.


def update(net: OFEXiNet) -> None:
    obs, action = torch.randn(8, 3), torch.randn(8, 1)
    net.update(obs, action, obs + 1)


def plain_step(net: OFEXiNet) -> None:
    with net.learning():
        net.features(torch.randn(8, 3), torch.randn(8, 1)).sum().backward()
        torch.optim.SGD(net.weights(), 0.1).step()


def fused_step(net: OFEXiNet) -> None:
    with net.learning():
        net.features(torch.randn(8, 3), torch.randn(8, 1)).sum().backward()
        net.optimizer.step()


def load(net: OFEXiNet) -> None:
    other = OFEXiNet(3, 1, net.config)
    other.build_optimizer()
    net.load_state_dict(other.state_dict())


def close(net: OFEXiNet) -> None:
    net.phi_o[1].gate.close([2], like=net.phi_o[1].bias)  # type: ignore


def close_more(net: OFEXiNet) -> None:
    close(net)
    net.fixed_state(torch.randn(8, 3))
    net.phi_o[1].gate.close([3], like=net.phi_o[1].bias)  # type: ignore


def step_theta(net: OFEXiNet) -> None:
    gate: Any = net.phi_o[0].gate
    gate.learn(net.phi_o[0].bias)
    net.fixed_state(OBS)
    with torch.no_grad():
        torch._foreach_mul_([gate.theta], 0.5)


def settle(net: OFEXiNet) -> None:
    step_theta(net)
    net.fixed_state(OBS)
    net.phi_o[0].gate.settle()  # type: ignore[union-attr]
    update(net)


def in_double(net: OFEXiNet) -> None:
    net.double().float()
    give_other_memory(net.phi_o[0].weight)  # type: ignore[arg-type]


def from_a_vector(net: OFEXiNet) -> None:
    weights = list(net.parameters())
    vector = nn.utils.parameters_to_vector(weights)
    nn.utils.vector_to_parameters(vector * 1.1, weights)


CHANGES = [update, plain_step, fused_step, load, close, close_more, step_theta]
CHANGES += [settle, in_double, from_a_vector]


@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
@pytest.mark.parametrize("change", CHANGES)
def test_features_are_never_stale(change: Any, norm: Any) -> None:
    torch.manual_seed(0)
    net = OFEXiNet(3, 1, OFEXiConfig(blocks=2, units=4, norm=norm))
    net.build_optimizer()
    before = net.fixed_state(OBS)
    assert net.fixed_state(OBS) is before
    change(net)
    found = net.fixed_state(OBS)
    assert torch.equal(found, net.state(OBS)) and not torch.equal(found, before)


@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
@pytest.mark.parametrize("change", [update, plain_step, fused_step, load, in_double])
@pytest.mark.parametrize("block", [0, 1])
def test_what_the_state_contributes_is_never_stale(
    change: Any, norm: Any, block: int
) -> None:
    torch.manual_seed(0)
    net = OFEXiNet(3, 1, OFEXiConfig(blocks=2, units=4, norm=norm))
    net.build_optimizer()
    state, actions = torch.randn(8, net.state_width), torch.randn(8, 1)
    before = net.with_action(state, actions)
    change(net)
    branch: Any = net.phi_oa
    if change is in_double:
        branch[block].weight.data = torch.randn(branch[block].weight.shape)
    found = net.with_action(state, actions)
    whole = branch(torch.cat([state, actions], dim=1))
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, before, atol=1e-4)


def test_what_the_state_contributes_is_computed_once() -> None:
    net = OFEXiNet(3, 1, OFEXiConfig(blocks=2, units=4))
    state = torch.randn(8, net.state_width)
    with mock.patch.object(ofexinet, "prefix", wraps=ofexinet.prefix) as computed:
        for _ in range(3):
            net.with_action(state, torch.randn(8, 1).requires_grad_())
    assert computed.call_count == 1


def test_features_follow_surgery() -> None:
    policy = ofexi_zoo.copied("SAC")
    before = policy.ofe.fixed_state(OBS)
    sp.apply(policy, {"ofe.phi_o.1": sp.surgery.remove([0, 3], 6)})
    found = policy.ofe.fixed_state(OBS)
    assert torch.equal(found, policy.ofe.state(OBS))
    assert found.shape[1] == before.shape[1] - 2


def test_looking_at_the_feature_gap_leaves_no_trace() -> None:
    policy = ofexi_zoo.copied("SAC")
    policy.ofe.feature_gap(torch.randn(8, 3), torch.randn(8, 1))
    found = policy.ofe.fixed_state(OBS)
    assert torch.equal(found, policy.ofe.state(OBS))
