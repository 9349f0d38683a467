"""Units that are read or made in odd ways: cut right, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from extracted import A, extracted, without_dead
from patched import PI, patched
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, UnsupportedPolicyError
from sb3_prune.surgery import add, merge, remove, reset


def by_vector(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.skip(x) * (net.a(x).tanh() @ net.v).sigmoid().unsqueeze(-1)


def with_vector(net: Any) -> None:
    net.v, net.skip = nn.Parameter(torch.randn(12)), nn.Linear(4, 8)
    del net.b


def test_a_vector_may_be_all_that_reads_units() -> None:
    model = extracted(by_vector, with_vector)
    layer = sp.wire(model.policy)[A]
    vector = model.policy.features_extractor.v.detach()
    assert torch.equal(layer.outgoing(), vector[:, None])
    assert without_dead(model, a=5) < 1e-6
    sp.prune(model, "magnitude", {"final_sparsity": 0.5})
    assert model.policy.features_extractor.v.shape == (6,)


def by_own_norm(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b((net.a(x) / net.a.weight.norm(dim=1)).relu())


def norm_first(net: Any, x: torch.Tensor) -> torch.Tensor:
    scale = 1 + net.a.weight.square().sum(1)
    return net.b((x.sum(-1, keepdim=True) * scale + net.a(x)).relu())


@pytest.mark.parametrize("run", [by_own_norm, norm_first])
@pytest.mark.parametrize("bias", [True, False])
def test_units_divided_by_their_own_norm_are_removed_and_no_more(
    run: Any, bias: bool
) -> None:
    def build(net: Any) -> None:
        net.a = nn.Linear(4, 12, bias=bias)

    model = extracted(run, build)
    layer = sp.wire(model.policy)[A]
    assert torch.equal(layer.incoming(), model.policy.features_extractor.a.weight)
    pairs = [[k, k + 1] for k in range(0, 12, 2)]
    for change in (add(2, 12), add(2, 12, 1), merge(pairs, 12), reset([0], 12, 1)):
        with pytest.raises(PlanError, match=f"'{A}' is also used by itself, for ex"):
            sp.apply(model, {A: change})
    assert without_dead(model, a=4) < 1e-6


def by_vmap(net: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.vmap(lambda w: x @ w)(net.w).mean(0) + net.b(net.a(x).relu())


def test_a_network_under_vmap_hinders_no_other() -> None:
    def build(net: Any) -> None:
        net.w = nn.Parameter(torch.randn(3, 4, 8))

    model = extracted(by_vmap, build)
    model.policy.features_extractor.a.weight.data[:2] = 0.0
    sp.apply(model, {A: remove([0, 1], 12)})
    assert model.policy.features_extractor.a.out_features == 10


def failing(policy: Any, observations: Any, actions: Any) -> Any:
    found = policy.nothing(observations)
    yield "found", lambda: found


def no_pairs(policy: Any, observations: Any, actions: Any) -> Any:
    yield policy.value_net


@pytest.mark.parametrize("forwards", [failing, no_pairs])
def test_declared_forwards_that_fail_are_named(forwards: Any) -> None:
    model = patched(lambda policy: None)
    type(model.policy).extra_forwards = forwards
    vars(model.policy).pop("_wiring_cache", None)
    with pytest.raises(
        UnsupportedPolicyError, match=r"Patched.extra_forwards fails on"
    ):
        sp.wire(model.policy)


def test_an_error_of_a_consumer_is_not_the_declarations() -> None:
    model = patched(lambda policy: None)
    type(model.policy).extra_forwards = lambda self, o, a: [("own", lambda: self.no(o))]
    vars(model.policy).pop("_wiring_cache", None)
    with pytest.raises(UnsupportedPolicyError, match="The forward 'own' of"):
        sp.apply(model, {f"{PI}.0": remove([0], 12)})
