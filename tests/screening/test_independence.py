"""Tests for screening/independence.py."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening.independence import relation
from screening.tabled import FIVE, drawn, outcomes


def test_few_runs_are_paired_in_every_way() -> None:
    found = relation(FIVE)
    # By hand: ranks 2 4 1 5 3 of the values, 4 2 5 1 3 of the iterations.
    assert found.correlation == pytest.approx(-1)
    # Two of 120 orders, this and its reverse, are as far from 0.
    assert found.p_value == pytest.approx(2 / 120)


def test_it_is_spearmans_with_ties() -> None:
    runs = outcomes([1, 2, 2, 4, 5, 3], [9, 9, 3, 3, 1, 9], [1] * 6)
    found = relation(runs)
    expected = spearmanr(runs.values, runs.iterations).statistic
    assert found.correlation == pytest.approx(expected)
    every = [
        spearmanr(order, runs.iterations).statistic
        for order in permutations(runs.values)
    ]
    two = 2 * min(np.mean(np.array(every) <= expected + 1e-9), 1)
    assert found.p_value == pytest.approx(min(1, two))


def test_an_effect_is_found_and_noise_is_not() -> None:
    assert relation(drawn(300, 0, effect=0.5)).p_value < 0.001
    noise = [relation(drawn(100, 1_000 * i), permutations=999) for i in range(20)]
    assert sum(each.p_value < 0.05 for each in noise) <= 4


def test_the_seed_decides() -> None:
    runs = drawn(50, 0)
    found = relation(runs, permutations=99)
    assert relation(runs, permutations=99) == found
    assert relation(runs, permutations=99, seed=1).correlation == found.correlation


def test_equal_numbers_are_refused() -> None:
    for name in ("values", "iterations"):
        with pytest.raises(ConfigError, match=f"All {name} are equal"):
            relation(replace(FIVE, **{name: np.full(5, 2.0)}))
    with pytest.raises(ConfigError, match="permutations must be at least 1"):
        relation(FIVE, permutations=0)
