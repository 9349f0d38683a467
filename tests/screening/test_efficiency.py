"""Tests for screening/efficiency.py, against tables that were computed by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import bootstrap

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening.efficiency import (
    boost,
    boost_interval,
    boost_p_value,
    efficiencies,
    redrawn,
    sample_efficiency,
)
from screening.tabled import FIVE, drawn, outcomes

PLAIN = 3 / 1500
CASES = [
    # Threshold, and by hand: successes of the kept / (their iterations + windows).
    (0.5, 3 / 1500),
    (0.81, 3 / (1000 + 50)),
    (1.1, 3 / (600 + 2 * 50)),
    (1.2, 2 / (300 + 3 * 50)),
    (1.35, 1 / (100 + 4 * 50)),
    (1.36, 0 / (5 * 50)),
]


@pytest.mark.parametrize(("threshold", "expected"), CASES)
def test_efficiency_is_what_it_is_by_hand(threshold: float, expected: float) -> None:
    found = sample_efficiency(FIVE, threshold, window=50)
    assert found == pytest.approx(expected, rel=1e-12)
    gained = boost(FIVE, threshold, window=50)
    assert gained == pytest.approx(100 * (expected / PLAIN - 1), abs=1e-9)


def test_no_threshold_keeps_all() -> None:
    assert sample_efficiency(FIVE, None, 50) == PLAIN


def test_the_other_direction_keeps_the_others() -> None:
    # Below 1.1 are the runs of 400 and 500 iterations, both without success.
    assert sample_efficiency(FIVE, 1.1, 50, above=False) == 0
    assert sample_efficiency(FIVE, 1.2, 50, above=False) == 1 / (1200 + 2 * 50)
    assert boost(FIVE, 9.0, 50, above=False) == 0


def test_all_thresholds_at_once_are_single_ones() -> None:
    many = drawn(100, 0)
    thresholds = np.concatenate([np.linspace(0.5, 2, 40), many.values[:10]])
    for above in (True, False):
        found = efficiencies(many, thresholds, 50, above)
        for threshold, each in zip(thresholds, found, strict=True):
            kept = many.kept(threshold, above)
            total = many.iterations[kept].sum() + 50 * (~kept).sum()
            assert each == pytest.approx(many.successes[kept].sum() / total, rel=1e-12)


EARLY = outcomes(
    [0.5, 1.0, 1.4, 1.1, 1.5, 0.9], [30, 400, 90, 500, 200, 500], [1, 1, 1, 0, 1, 0]
)
"""The first succeeds within a window of 50, with the lowest value."""


def test_who_succeeds_within_the_window_is_not_given_up() -> None:
    for threshold, expected in (
        (1.4, 3 / (30 + 90 + 200 + 3 * 50)),
        (9.0, 1 / (30 + 5 * 50)),
    ):
        found = sample_efficiency(EARLY, threshold, 50)
        assert found == pytest.approx(expected, rel=1e-12)
    below = sample_efficiency(EARLY, 0.1, 50, above=False)
    assert below == pytest.approx(1 / (30 + 5 * 50), rel=1e-12)
    # With a shorter window it is given up, and is no success.
    late = sample_efficiency(EARLY, 1.4, 29)
    assert late == pytest.approx(2 / (90 + 200 + 4 * 29), rel=1e-12)


def test_only_who_is_judged_is_permuted() -> None:
    iterations, successes = [400, 90, 500, 200, 500], [1, 1, 0, 1, 0]

    def efficiency(kept: tuple[int, ...]) -> float:
        costs = [n if k else 50 for n, k in zip(iterations, kept, strict=True)]
        won = sum(s for s, k in zip(successes, kept, strict=True) if k)
        return (won + 1) / (sum(costs) + 30)

    found = np.array([efficiency(p) for p in permutations((0, 1, 0, 1, 0))])
    as_far_up = (found >= efficiency((0, 1, 0, 1, 0)) - 1e-12).mean()
    assert boost_p_value(EARLY, 1.4, 50) == pytest.approx(2 * as_far_up)
    assert boost_p_value(EARLY, 0.9, 50) == 1  # Who is judged is kept.


def test_nan_is_no_threshold() -> None:
    for function in (sample_efficiency, boost, boost_interval, boost_p_value):
        for above in (True, False):
            with pytest.raises(ConfigError, match="threshold must be a number"):
                function(FIVE, float("nan"), 50, above)


def test_drawing_does_what_scipy_does() -> None:
    """The same statistic, drawn by SciPy: equal but for the random numbers."""
    many = drawn(300, 1, effect=0.5)

    def statistic(v: np.ndarray, n: np.ndarray, s: np.ndarray, axis: int) -> np.ndarray:
        kept = v >= 1.2
        total = (n * kept).sum(axis=axis) + 50 * (~kept).sum(axis=axis)
        screened = (s * kept).sum(axis=axis) / total
        return 100 * (screened / (s.sum(axis=axis) / n.sum(axis=axis)) - 1)

    theirs = bootstrap(
        (many.values, many.iterations, many.successes),
        statistic,
        paired=True,
        vectorized=True,
        method="percentile",
        random_state=np.random.default_rng(3),
    ).confidence_interval
    ours = boost_interval(many, 1.2, 50)
    assert ours == pytest.approx(
        (theirs.low, theirs.high), abs=0.04 * (theirs.high - theirs.low)
    )


def test_parts_of_the_draws_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds = np.array([1.0, 1.2])
    whole = redrawn(FIVE, thresholds, 50, draws=37)
    assert whole[0].shape == (37, 2) and whole[1].shape == (37,)
    monkeypatch.setattr("sb3_prune.screening.efficiency.DRAWN", 20)
    for a, b in zip(whole, redrawn(FIVE, thresholds, 50, draws=37), strict=True):
        np.testing.assert_array_equal(a, b)


def test_equal_runs_leave_no_doubt() -> None:
    equal = outcomes([1.0, 1.0, 1.0], [100, 100, 100], [1, 1, 1])
    low, high = boost_interval(equal, 0.5, 50)
    assert low == high == 0


def test_what_has_no_boost_is_refused() -> None:
    none = outcomes([1.0, 2.0], [100, 100], [0, 0])
    for function in (boost, boost_interval):
        with pytest.raises(ConfigError, match="None of 2 runs succeeds"):
            function(none, 1.0, 50)
    for window in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match="window must be finite"):
            boost(FIVE, 1.0, window)


@pytest.mark.slow
def test_noise_seldom_seems_to_help() -> None:
    """The permutation test keeps its level where few runs succeed."""
    generator, found = np.random.default_rng(0), []
    for _ in range(200):
        success = generator.random(24) < 0.15
        success[0] = True
        spent = np.where(success, generator.integers(500, 5_000, 24), 5_000)
        values = generator.random(24)
        noise = outcomes(values.tolist(), spent.tolist(), success.tolist())
        found.append(boost_p_value(noise, 0.2, 50, permutations=499))
    assert np.mean(np.array(found) <= 0.05) <= 0.09


def test_few_permutations_are_each_taken_once() -> None:
    # The runs of 100 and 200 are kept: the best 1 of 10 pairs, as good as no other.
    five = outcomes([2, 2, 1, 1, 1], [100, 200, 300, 400, 500], [1, 1, 1, 0, 0])
    assert boost_p_value(five, 1.5, 50) == pytest.approx(2 / 10)
    # The other three are the worst of 10.
    assert boost_p_value(five, 1.5, 50, above=False) == pytest.approx(2 / 10)
    assert boost_p_value(five, 0.5, 50) == boost_p_value(five, 3, 50) == 1
