"""Tests for evaluation/intervals.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sb3_prune.evaluation import intervals
from sb3_prune.exceptions import ConfigError


def interval(values: list[float], share: float = 0.95) -> tuple[float, float]:
    found = intervals.interval(values, share)
    assert found is not None
    return found


def test_it_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    found = [interval(rng.normal(size=40).tolist(), share=0.8) for _ in range(60)]
    covered = np.mean([low <= 0.0 <= high for low, high in found])
    assert 0.65 <= covered <= 0.95


def test_more_values_make_it_narrower() -> None:
    values = np.random.default_rng(1).normal(size=400).tolist()
    few, many = interval(values[:25]), interval(values)
    assert few[1] - few[0] > 2 * (many[1] - many[0])
    assert interval(values) == many  # It is not drawn anew.


def test_equal_values_leave_no_doubt_and_one_value_tells_nothing() -> None:
    assert interval([3.0, 3.0, 3.0]) == (3.0, 3.0)
    assert intervals.interval([3.0]) is None


def test_drawing_in_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).normal(size=50).tolist()
    at_once = interval(values)
    monkeypatch.setattr(intervals, "DRAWN", 1000)
    assert interval(values) == pytest.approx(at_once, abs=0.02)


# Interquartile means.


def middle_half(values: list[float]) -> float:
    """Return the interquartile mean as rliable defines it, written out."""
    cut = int(0.25 * len(values))
    return float(np.mean(sorted(values)[cut : len(values) - cut]))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 11])
def test_the_middle_half(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count).tolist()
    assert intervals.interquartile_mean(values) == pytest.approx(middle_half(values))
    assert intervals.interquartile_mean([0, 1, 2, 1000]) == 1.5


def test_strata_are_drawn_anew_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    strata = [rng.normal(size=6).tolist(), rng.normal(50, 1, size=9).tolist()]
    found = intervals.stratified_interval(strata)
    drawn = [
        middle_half([x for each in strata for x in rng.choice(each, len(each))])
        for _ in range(4000)
    ]
    assert found == pytest.approx(np.percentile(drawn, [2.5, 97.5]), rel=0.05)
    assert intervals.stratified_interval(strata) == found
    assert intervals.stratified_interval([[1.0, 2.0], [3.0]]) is None
    assert intervals.stratified_interval([[2.0, 2.0], [2.0, 2.0]]) == (2.0, 2.0)


@pytest.mark.parametrize("empty", [[], np.array([])])
def test_nothing_has_no_interval_and_no_mean(empty: Any) -> None:
    names = ("interval", "interquartile_mean", "stratified_interval")
    for call in (getattr(intervals, name) for name in names):
        with pytest.raises(ConfigError, match="need values, got none"):
            call(empty)
    with pytest.raises(ConfigError, match="need values, got none"):
        intervals.stratified_interval([[1.0, 2.0], empty])
