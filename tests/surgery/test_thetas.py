"""Tests of thetas said in weights."""

from __future__ import annotations

from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery.thetas import absorb


def learn_thetas(policy: Any, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for layer in sp.wire(policy).values():
        for twin in layer.with_targets():
            if twin.gate is None:  # An LSTM.
                continue
            twin.gate.learn(twin.like)
            assert twin.gate.theta is not None
            twin.gate.theta.data = torch.rand(layer.units, generator=generator)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_absorbing_keeps_every_output(name: str) -> None:
    policy = zoo.copied(name)
    bare = zoo.outputs(policy)
    learn_thetas(policy)
    before = zoo.outputs(policy)
    with pytest.raises(AssertionError):
        zoo.assert_close(before, bare, 1e-3)
    absorb(policy)
    zoo.assert_close(zoo.outputs(policy), before, 1e-5)
    assert not any(".theta" in key for key in policy.state_dict())


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("name", ofexi_zoo.FORMS)
def test_absorbing_keeps_what_is_said_of_features(name: str, norm: str) -> None:
    policy = ofexi_zoo.copied(name, norm)
    ofexi_zoo.learn_thetas(policy)
    before = ofexi_zoo.outputs(policy)
    absorb(policy)
    ofexi_zoo.assert_close(policy, before, 1e-4)
    assert not any(".theta" in key for key in policy.state_dict())


def test_thetas_that_a_layer_normalisation_reads_are_refused() -> None:
    policy = ofexi_zoo.copied("SAC", "layer")
    ofexi_zoo.learn_thetas(policy)
    before = ofexi_zoo.snapshot(policy)
    with pytest.raises(UnsupportedPolicyError, match=r"ofe\.phi_o\.0, .*'batch'"):
        absorb(policy)
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(policy), before)


def test_a_layer_normalisation_may_be_sure() -> None:
    policy = ofexi_zoo.copied("SAC", "layer")
    ofexi_zoo.learn_thetas(policy)
    for block in ofexi_zoo.blocks(policy):
        block.gate.settle()
    before = ofexi_zoo.outputs(policy)
    absorb(policy)
    ofexi_zoo.assert_close(policy, before, 1e-5)


def test_absorbing_nothing_changes_nothing() -> None:
    policy = zoo.copied("SAC")
    before = zoo.snapshot(policy)
    absorb(policy)
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)
