"""Tests for screening/rates.py."""

from __future__ import annotations

import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening.rates import LIMITS, rate, success_rates
from screening.tabled import FIVE, drawn, outcomes


def test_rates_are_what_they_are_by_hand() -> None:
    (early, late) = success_rates(FIVE, 1.1, limits=(200, 400))
    assert (early.limit, early.all.successes, early.all.runs) == (200, 2, 5)
    assert (early.kept.successes, early.kept.runs) == (2, 3)
    assert late.all.share == 3 / 5 and late.kept.share == 1
    # All three kept and none of two discarded succeed: 1 / (5 over 3).
    assert late.p_value == pytest.approx(0.1)


def test_wilsons_interval() -> None:
    z, p, n = 1.959964, 0.25, 20
    middle, half = (p + z * z / 2 / n), z * (p * (1 - p) / n + z * z / 4 / n / n) ** 0.5
    expected = [(middle + sign * half) / (1 + z * z / n) for sign in (-1, 1)]
    assert rate(5, 20).interval == pytest.approx(expected, rel=1e-5)


def test_nothing_is_said_of_no_runs() -> None:
    for threshold in (9.0, 0.0):
        (found,) = success_rates(FIVE, threshold, limits=[300])
        assert found.p_value is None
    (found,) = success_rates(FIVE, 9.0, limits=[300])
    assert (found.kept.runs, found.kept.share, found.kept.interval) == (0, None, None)


def test_the_sources_limits() -> None:
    found = success_rates(drawn(300, 0, effect=1.0), 1.2)
    assert [each.limit for each in found] == list(LIMITS)
    for each in found:
        assert each.kept.share and each.all.share and each.kept.share > each.all.share
        assert each.p_value is not None and each.p_value < 1e-4
    below = success_rates(drawn(300, 0, effect=1.0), 1.2, above=False)
    assert [a.kept.runs + b.kept.runs for a, b in zip(found, below, strict=True)] == [
        300,
        300,
    ]
    with pytest.raises(ConfigError, match="ended before 6000"):
        success_rates(drawn(300, 0), 1.2, limits=[6_000])


def test_who_has_succeeded_when_judged_is_not_given_up() -> None:
    runs = outcomes([0.5, 1.3, 0.7], [40, 200, 300], [1, 1, 0])
    (found,) = success_rates(runs, 1.1, limits=[300], window=50)
    assert (found.kept.successes, found.kept.runs) == (2, 2)
    (found,) = success_rates(runs, 1.1, limits=[300])
    assert (found.kept.successes, found.kept.runs) == (1, 1)
