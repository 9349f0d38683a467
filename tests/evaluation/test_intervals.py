"""Tests for evaluation/intervals.py."""

from __future__ import annotations

import numpy as np
import pytest

from sb3_prune.evaluation.intervals import interval


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
    assert interval([3.0]) == pytest.approx((np.nan, np.nan), nan_ok=True)
