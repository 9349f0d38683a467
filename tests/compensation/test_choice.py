"""Tests for compensation/choice.py."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sb3_prune.compensation import Choice, rank

some = settings(max_examples=20, deadline=None, derandomize=True, database=None)
CHOICES = get_args(Choice)
seeds = st.integers(0, 999)


def drawn(seed: int, units: int = 8, samples: int = 300) -> tuple[Any, Any]:
    """Draw activations of different sizes and means, and the weights that read them."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(samples, units)) @ rng.normal(size=(units, units))
    hidden = mixed * np.geomspace(0.1, 3, units) + rng.normal(size=units)
    return torch.as_tensor(hidden), torch.as_tensor(rng.normal(size=(units, 3)))


@some
@given(seed=seeds)
def test_the_order_is_that_of_a_qr_decomposition_with_pivoting(seed: int) -> None:
    hidden, outgoing = drawn(seed)
    for choice in ("qr", "centred-qr"):
        h = hidden.numpy()
        h = h - h.mean(0) if choice == "centred-qr" else h
        *_, pivots = scipy.linalg.qr(h, mode="economic", pivoting=True)
        assert rank(hidden, outgoing, choice).order.tolist() == pivots.tolist()


def missed(hidden: Any, outgoing: Any, kept: list[int]) -> float:
    """Return what the best fit by some units misses of what readers get."""
    said = hidden @ outgoing
    solved, *_ = np.linalg.lstsq(hidden[:, kept], said, rcond=None)
    return float(np.linalg.norm(said - hidden[:, kept] @ solved))


@some
@given(seed=seeds)
def test_backward_removes_the_unit_that_readers_miss_least(seed: int) -> None:
    hidden, outgoing = (t.numpy() for t in drawn(seed))
    left = rank(*drawn(seed), "backward").order.tolist()
    centred = hidden - hidden.mean(0)
    while len(left) > 1:
        costs = {
            unit: missed(centred, outgoing, [u for u in left if u != unit])
            for unit in left
        }
        assert costs[left.pop()] <= min(costs.values()) * (1 + 1e-6)


@some
@given(seed=seeds, choice=st.sampled_from(CHOICES))
def test_errors_are_those_of_least_squares(seed: int, choice: Any) -> None:
    hidden, outgoing = drawn(seed)
    ranking = rank(hidden, outgoing, choice)
    h, w = hidden.numpy(), outgoing.numpy()
    h = h if choice == "qr" else h - h.mean(0)
    said = h @ w
    expected = []
    for count in range(len(w) + 1):
        kept = h[:, ranking.order[:count].numpy()]
        solved, *_ = np.linalg.lstsq(kept, said, rcond=None)
        expected.append(np.linalg.norm(said - kept @ solved) / np.linalg.norm(said))
    np.testing.assert_allclose(ranking.errors, expected, atol=1e-5)
    assert float(ranking.errors[0]) == 1.0 and float(ranking.errors[-1]) == 0.0
    assert bool((ranking.errors.diff() <= 1e-9).all())


@some
@given(seed=seeds, choice=st.sampled_from(CHOICES))
def test_scores_rank_as_the_order_does(seed: int, choice: Any) -> None:
    ranking = rank(*drawn(seed), choice)
    assert sorted(ranking.order.tolist()) == list(range(8))
    ranked = ranking.scores().argsort(descending=True, stable=True)
    assert torch.equal(ranked, ranking.order)


def test_as_many_units_are_needed_as_an_error_asks_for() -> None:
    ranking = rank(*drawn(1))
    for error in (1.0, 0.5, 0.1, 1e-3, 0.0):
        needed = ranking.needed(error)
        assert float(ranking.errors[needed]) <= error
        assert needed == 0 or float(ranking.errors[needed - 1]) > error
    assert ranking.needed(1.0) == 0 and ranking.needed(0.0) == 8


def test_units_that_repeat_others_come_last_and_cost_nothing() -> None:
    hidden, _ = drawn(2, units=4)
    repeated = torch.cat(
        [hidden, 2 * hidden[:, :2], hidden @ torch.ones(4, 1).double()], 1
    )
    ranking = rank(repeated, torch.eye(7))
    assert ranking.needed(1e-4) == 4
    assert float(ranking.errors[4:].max()) < 1e-4
    assert sorted(ranking.order.tolist()) == list(range(7))


def test_a_constant_counts_only_if_nothing_takes_it_over() -> None:
    hidden, outgoing = drawn(3, units=3)
    hidden[:, 1] = 50.0
    assert int(rank(hidden, outgoing, "qr").order[0]) == 1
    for choice in ("backward", "centred-qr", "spread"):
        assert int(rank(hidden, outgoing, choice).order[-1]) == 1
        assert rank(hidden, outgoing, choice).needed(1e-4) == 2


ODD = {
    "all dead": torch.zeros(40, 5),
    "all constant": torch.full((40, 5), 0.7),
    "one sample": torch.rand(1, 5),
    "fewer samples than units": torch.rand(3, 5, generator=torch.Generator()),
    "one unit": torch.rand(40, 1),
    "one dead unit": torch.zeros(40, 1),
    "whole numbers": torch.randint(4, (40, 5)),
    "tiny": torch.rand(40, 5) * 1e-20,
    "huge": torch.rand(40, 5).double() * 1e100,
}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("kind", ODD)
def test_odd_layers_are_ranked(kind: str, choice: Any) -> None:
    hidden = ODD[kind]
    units = hidden.shape[1]
    ranking = rank(hidden, torch.ones(units, 2), choice)
    assert sorted(ranking.order.tolist()) == list(range(units))
    assert ranking.errors.shape == (units + 1,) and ranking.scores().shape == (units,)
    assert bool(ranking.errors.isfinite().all()) and float(ranking.errors[-1]) == 0.0
    assert bool(((ranking.errors >= 0) & (ranking.errors <= 1)).all())


@pytest.mark.parametrize("choice", CHOICES)
def test_units_that_nothing_reads_are_not_needed(choice: Any) -> None:
    hidden, _ = drawn(4)
    for outgoing in (torch.zeros(8, 3), torch.zeros(8, 0)):
        assert rank(hidden, outgoing, choice).needed(0.0) == 0


def test_spread_counts_activations_times_weights() -> None:
    hidden = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    outgoing = torch.tensor([[1.0], [9.0], [3.0]])
    order = rank(hidden * torch.tensor([2.0, 1.0, 1.0]), outgoing, "spread").order
    assert order.tolist() == [1, 2, 0]
