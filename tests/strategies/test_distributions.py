"""Tests for distributions.py."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.strategies.distributions import DISTRIBUTIONS, Size, allocate

NAMES = sorted(DISTRIBUTIONS)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Size]:
    widths = draw(st.lists(st.integers(1, 300), min_size=3, max_size=7))
    return {
        f"net.{i}": Size(units=widths[i], inputs=widths[i - 1], outputs=widths[i + 1])
        for i in range(1, len(widths) - 1)
    }


def draw_scores(sizes: dict[str, Size], seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(size.units, generator=generator)
        for name, size in sizes.items()
    }


@given(st.sampled_from(NAMES), networks(), st.floats(0, 0.999), st.integers(1, 8))
def test_layers_keep_between_min_units_and_all(
    name: str, sizes: dict[str, Size], sparsity: float, min_units: int
) -> None:
    kept = allocate(name, sizes, sparsity, draw_scores(sizes), min_units)
    assert list(kept) == list(sizes)
    for layer, size in sizes.items():
        assert min(min_units, size.units) <= kept[layer] <= size.units


@given(st.sampled_from(NAMES), networks(), st.floats(0, 0.999))
def test_total_is_the_budget_up_to_rounding_and_min_units(
    name: str, sizes: dict[str, Size], sparsity: float
) -> None:
    kept = allocate(name, sizes, sparsity, draw_scores(sizes))
    budget = (1 - sparsity) * sum(size.units for size in sizes.values())
    raised = sum(units == 1 for units in kept.values())
    assert sum(kept.values()) >= budget - len(sizes) / 2 - 1e-6
    assert sum(kept.values()) <= budget + len(sizes) / 2 + raised + 1e-6


@given(st.sampled_from(NAMES), networks())
def test_nothing_goes_at_sparsity_zero(name: str, sizes: dict[str, Size]) -> None:
    kept = allocate(name, sizes, 0.0, draw_scores(sizes))
    assert kept == {layer: size.units for layer, size in sizes.items()}


@given(st.sampled_from(NAMES), networks(), st.floats(0, 0.999), st.floats(0, 0.999))
def test_more_sparsity_never_keeps_more(
    name: str, sizes: dict[str, Size], a: float, b: float
) -> None:
    scores = draw_scores(sizes)
    less = allocate(name, sizes, max(a, b), scores)
    more = allocate(name, sizes, min(a, b), scores)
    assert all(less[layer] <= more[layer] for layer in sizes)


def test_uniform_by_hand() -> None:
    sizes = {
        "a": Size(units=10, inputs=3, outputs=64),
        "b": Size(units=64, inputs=10, outputs=1),
        "c": Size(units=2, inputs=64, outputs=1),
    }
    assert allocate("uniform", sizes, 0.75) == {"a": 3, "b": 16, "c": 1}
    assert allocate("uniform", sizes, 0.75, min_units=8) == {"a": 8, "b": 16, "c": 2}


def direct_erk(sizes: dict[str, Size], sparsity: float) -> dict[str, float]:
    """Find epsilon by bisection: the densities must spend the budget."""
    factors = {}
    for name, size in sizes.items():
        K, inputs, outputs = size.units, size.inputs, size.outputs
        before, after = (inputs + K) / (inputs * K), (K + outputs) / (K * outputs)
        factors[name] = (before + after) / 2
    budget = (1 - sparsity) * sum(size.units for size in sizes.values())
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        spent = sum(
            min(1.0, middle * factors[name]) * size.units
            for name, size in sizes.items()
        )
        low, high = (middle, high) if spent < budget else (low, middle)
    return {
        name: min(1.0, high * factors[name]) * size.units
        for name, size in sizes.items()
    }


@given(networks(), st.floats(0, 0.999))
def test_erk_equals_a_direct_solution(sizes: dict[str, Size], sparsity: float) -> None:
    kept = allocate("erk", sizes, sparsity)
    for name, wanted in direct_erk(sizes, sparsity).items():
        assert abs(kept[name] - max(1.0, wanted)) <= 0.5 + 1e-6


def test_erk_keeps_more_of_the_layer_with_few_neighbours() -> None:
    sizes = {
        "first": Size(units=100, inputs=4, outputs=100),
        "middle": Size(units=100, inputs=100, outputs=100),
    }
    # Factors 0.14 and 0.02: densities 0.875 and 0.125 spend half.
    assert allocate("erk", sizes, 0.5) == {"first": 88, "middle": 13}
    # The first would need a density of 1.05: it keeps all, the other gets the rest.
    assert allocate("erk", sizes, 0.4) == {"first": 100, "middle": 20}


@pytest.mark.slow
@given(networks(), st.floats(0, 0.999), st.integers(1, 5), st.integers(0, 9))
def test_global_equals_a_direct_ranking(
    sizes: dict[str, Size], sparsity: float, min_units: int, seed: int
) -> None:
    scores = draw_scores(sizes, seed)
    present = {name: len(s) for name, s in scores.items()}
    budget = round((1 - sparsity) * sum(present.values()) + 1e-9)
    ranked = sorted(
        (
            (float(value / scores[name].norm()), name)
            for name in sizes
            for value in scores[name]
        ),
        reverse=True,
    )
    # Drop the worst unit of a layer that can spare one, until the budget is met.
    while sum(present.values()) > budget:
        spare = [n for _, n in reversed(ranked) if present[n] > min_units]
        if not spare:
            break
        index = max(i for i, (_, n) in enumerate(ranked) if n == spare[0])
        ranked.pop(index)
        present[spare[0]] -= 1
    kept = allocate("global", sizes, sparsity, scores, min_units)
    assert abs(sum(kept.values()) - sum(present.values())) <= 1  # rounding of a half
    if sum(kept.values()) == sum(present.values()):
        assert kept == present


def test_global_does_not_care_about_the_scale_of_a_layer() -> None:
    sizes = {name: Size(units=4, inputs=4, outputs=4) for name in ("a", "b")}
    scores = {
        "a": torch.tensor([4.0, 1.0, 1.0, 1.0]),
        "b": torch.tensor([2.0, 2.0, 2.0, 0.1]),
    }
    kept = allocate("global", sizes, 0.5, scores)
    assert kept == {"a": 1, "b": 3}
    scores["a"] *= 1e6
    assert allocate("global", sizes, 0.5, scores) == kept


def test_global_survives_a_layer_of_zeros() -> None:
    sizes = {name: Size(units=4, inputs=4, outputs=4) for name in ("a", "b")}
    scores = {"a": torch.zeros(4), "b": torch.ones(4)}
    assert allocate("global", sizes, 0.5, scores) == {"a": 1, "b": 3}


def test_global_ranks_the_units_that_are_left() -> None:
    sizes = {name: Size(units=10, inputs=4, outputs=4) for name in ("a", "b")}
    scores = {"a": torch.ones(2), "b": torch.ones(6)}
    assert allocate("global", sizes, 0.5, scores) == {"a": 2, "b": 6}


def test_bad_values_are_refused() -> None:
    sizes = {"a": Size(units=4, inputs=4, outputs=4)}
    with pytest.raises(UnknownNameError, match="Did you mean 'uniform'"):
        allocate("unifrom", sizes, 0.5)
    with pytest.raises(ConfigError, match=r"sparsity must be in \[0, 1\), got 1.0"):
        allocate("uniform", sizes, 1.0)
    with pytest.raises(ConfigError, match="min_units must be at least 1, got 0"):
        allocate("uniform", sizes, 0.5, min_units=0)
    with pytest.raises(ConfigError, match=r"needs scores of every layer.*\['a'\]"):
        allocate("global", sizes, 0.5)
