"""Tests for scores.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import NonFiniteError, PlanError
from sb3_prune.strategies import SCORES, scores

from .agents import make_agent, make_chain, make_layer

INCOMING = [[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]]
OUTGOING = [[1.0, 2.0, 5.0], [0.0, 2.0, 0.0], [0.0, 1.0, 0.0]]


def test_norms_by_hand() -> None:
    layer = make_layer(INCOMING, OUTGOING)
    assert scores.incoming(layer).tolist() == [5, 1, 0]
    assert scores.outgoing(layer).tolist() == [1, 3, 5]
    assert scores.product(layer).tolist() == [5, 3, 0]


def test_the_bias_does_not_count() -> None:
    layer = make_layer(INCOMING, OUTGOING)
    before = scores.product(layer)
    layer.module.bias.data += 100.0
    assert torch.equal(scores.product(layer), before)


def test_activation_by_hand() -> None:
    layer = make_layer(INCOMING, OUTGOING)
    hidden = torch.tensor([[1.0, -2.0, 0.0], [3.0, 2.0, 0.0]])
    assert scores.activation(layer, hidden).tolist() == [2, 2, 0]


def test_activations_of_another_network_are_refused() -> None:
    layer = make_layer(INCOMING, OUTGOING)
    with pytest.raises(PlanError, match=r"'net.0' must be \(batch, 3\), got \(5, 2\)"):
        scores.activation(layer, torch.zeros(5, 2))


@given(st.integers(0, 99), st.lists(st.floats(0.1, 10), min_size=8, max_size=8))
def test_product_does_not_change_when_relu_units_are_rescaled(
    seed: int, factors: list[float]
) -> None:
    (layer,) = make_chain("net", [5, 8, 3], seed)
    head = layer.readers[0].owner
    assert isinstance(head, nn.Linear)
    inputs = torch.randn(16, 5)
    scale = torch.tensor(factors)

    def outputs() -> torch.Tensor:
        return head(layer.module(inputs).relu())

    score, said, single = scores.product(layer), outputs(), scores.incoming(layer)
    layer.module.weight.data *= scale[:, None]
    layer.module.bias.data *= scale
    head.weight.data /= scale
    torch.testing.assert_close(outputs(), said, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores.product(layer), score)
    torch.testing.assert_close(scores.incoming(layer), single * scale)


@pytest.mark.parametrize("name", sorted(SCORES))
def test_scores_are_one_non_negative_number_per_unit(name: str) -> None:
    layers = make_chain("net", [5, 8, 3, 2])
    agent = make_agent(
        layers,
        activations=lambda: {la.name: torch.randn(4, la.units) for la in layers},
    )
    for layer in layers:
        score = SCORES[name](layer, agent)
        assert score.shape == (layer.units,)
        assert score.is_floating_point()
        assert bool((score >= 0).all())


@pytest.mark.parametrize("name", sorted(SCORES))
def test_closed_units_score_zero(name: str) -> None:
    layer = make_layer(np.ones((4, 2)), np.ones((2, 4)), closed=[1, 3])
    agent = make_agent([layer], activations=lambda: {layer.name: torch.ones(2, 4)})
    score = SCORES[name](layer, agent)
    assert score[[1, 3]].tolist() == [0, 0]
    assert bool((score[[0, 2]] > 0).all())


def test_random_scores_repeat_with_the_seed() -> None:
    layer = make_layer(INCOMING, OUTGOING)
    first, again, other = (
        scores.random(layer, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_exploration_noise_of_gsde_is_no_weight() -> None:
    policy = zoo.make_model("SAC", use_sde=True).policy
    layer = sp.wire(policy)["actor.latent_pi.2"]
    assert [slot.attribute for slot in layer.readers] == ["log_std", "weight"]
    expected = layer.readers[1].tensor.detach().norm(dim=0)
    torch.testing.assert_close(scores.outgoing(layer), expected)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scores_of_bad_numbers_are_refused(value: float) -> None:
    bad = make_layer([[value, 1.0]], [[1.0]], name="critic.qf0.2")
    for score in (scores.incoming, scores.product):
        with pytest.raises(NonFiniteError, match=r"'critic.qf0.2' are NaN"):
            score(bad)
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        scores.activation(bad, torch.tensor([[value]]))
    bad = make_layer([[1.0]], [[value]])
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        scores.outgoing(bad)


def test_scores_are_checked() -> None:
    whole = scores.require_scores(torch.tensor([2**30, 2**30 + 1]), [2], "mine", "'a'")
    assert whole.is_floating_point()
    assert whole[1] > whole[0]
    with pytest.raises(PlanError, match="'mine' gives complex numbers"):
        scores.require_scores(torch.ones(2) * 1j, [2], "mine", "'a'")
    with pytest.raises(PlanError, match=r"'a' must be a float tensor .*gives a tuple"):
        scores.require_scores((1, 2), [2], "mine", "'a'")
