"""Tests for screening/sweep.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening.efficiency import boost
from sb3_prune.screening.sweep import grid, sweep_thresholds
from screening.tabled import FIVE, drawn, outcomes

TEST = outcomes([1.0, 1.3, 1.1, 1.2], [100, 400, 200, 300], [1, 0, 1, 1], first=10)


def test_the_threshold_is_the_best_of_the_training_runs() -> None:
    found = sweep_thresholds(FIVE, TEST, window=50)
    # By hand: above 1.1 two successes stay, 2 / (300 + 3 * 50), and above 1.0 three,
    # 3 / (600 + 2 * 50), which is less.
    assert found.chosen == 1.11
    assert found.train.plain == 3 / 1500
    assert max(found.train.efficiency) == 2 / 450
    assert found.train_gain.boost == pytest.approx(100 * (2 / 450 * 500 - 1))
    assert found.train_gain.kept == 0.4
    # Held out: 1 success of the runs of 400 and 300, two windows; all: 3 of 1,000.
    assert found.test_gain.boost == pytest.approx(100 * (1 / 800 * 1_000 / 3 - 1))
    assert found.test_gain.kept == 0.5


def test_who_succeeds_within_the_window_is_kept() -> None:
    quick = replace(TEST, iterations=np.array([50.0, 400, 200, 300]))
    found = sweep_thresholds(FIVE, quick, window=50)
    assert found.chosen == 1.11
    # Its value of 1.0 is below, but it is a success after 50 iterations.
    assert found.test_gain.kept == 0.75
    assert found.test_gain.boost == pytest.approx(100 * (2 / 800 * 950 / 3 - 1))


def test_held_out_runs_choose_nothing() -> None:
    train, test = drawn(200, 0, effect=0.5), drawn(200, 200)
    other = replace(test, iterations=test.iterations[::-1])
    found = [sweep_thresholds(train, each, window=50) for each in (test, other)]
    assert found[0].chosen == found[1].chosen
    assert found[0].train_gain == found[1].train_gain
    assert found[0].test_gain != found[1].test_gain


def test_the_other_direction_mirrors() -> None:
    mirrored = [replace(each, values=-each.values) for each in (FIVE, TEST)]
    found = sweep_thresholds(*mirrored, window=50, above=False)
    assert found.train_gain.boost == pytest.approx(100 * (2 / 450 * 500 - 1))
    assert found.chosen == -1.1


@pytest.mark.slow
def test_an_effect_is_found_and_noise_is_not() -> None:
    """A strong effect shows in the held-out interval; without any, it holds zero."""
    strong = [drawn(400, first, effect=1.5) for first in (0, 1_000)]
    found = sweep_thresholds(strong[0], strong[1], window=50)
    assert found.test_gain.interval[0] > 0
    low, high = found.test_gain.interval
    assert low < found.test_gain.boost < high
    assert boost(strong[1], found.chosen, 50) == found.test_gain.boost
    noise = sweep_thresholds(drawn(400, 0), drawn(400, 1_000), window=50)
    low, high = noise.test_gain.interval
    assert low <= 0 <= high


def test_intervals_hold_the_curves() -> None:
    found = sweep_thresholds(drawn(200, 0), drawn(200, 200), window=50, step=0.05)
    for curve in (found.train, found.test):
        assert (curve.low <= curve.efficiency).all()
        assert (curve.efficiency <= curve.high).all()
    narrow = sweep_thresholds(
        drawn(200, 0), drawn(200, 200), window=50, step=0.05, share=0.5
    )
    assert (narrow.test.high <= found.test.high).all()


def test_the_grid_has_whole_multiples() -> None:
    found = grid(np.array([0.98, 1.35]), 0.01)
    assert found[0] == 0.98 and found[-1] == 1.36 and len(found) == 39
    assert 1.35 in found  # And not 1.3500000000000001, which would discard the run.
    assert grid(np.array([-0.1, 0.2]), 0.25).tolist() == [-0.25, 0.0, 0.25]


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"5 seeds are both .* \[0, 1, 2, 3, 4\]"):
        sweep_thresholds(FIVE, FIVE, window=50)
    none = replace(TEST, successes=np.zeros(4, bool))
    with pytest.raises(ConfigError, match="None of 4 runs succeeds"):
        sweep_thresholds(FIVE, none, window=50)
    with pytest.raises(ConfigError, match="share must be between"):
        sweep_thresholds(FIVE, TEST, window=50, share=1.0)
    for step in (0.0, -0.1):
        with pytest.raises(ConfigError, match="step must be"):
            sweep_thresholds(FIVE, TEST, window=50, step=step)
    with pytest.raises(ConfigError, match="at most 100,000 thresholds"):
        sweep_thresholds(FIVE, TEST, window=50, step=1e-6)


@pytest.mark.parametrize("step", [0.01, 0.1, 0.25])
def test_the_grid_has_a_threshold_for_all_and_one_for_none(step: float) -> None:
    """Also where quotients round: 0.58 / 0.01 is less than 58."""
    for whole in range(200):
        for value in np.nextafter(whole / 100, [-1, whole / 100, 9]):
            found = grid(np.array([value]), step)
            assert found[0] <= value < found[-1]
