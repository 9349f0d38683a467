"""Tests for judging.py."""

from __future__ import annotations

import json

import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening import judge, relation, success_rates, sweep_thresholds
from sb3_prune.screening.judging import verdict_of
from sb3_prune.screening.sweep import Gain
from screening.tabled import FIVE, drawn, outcomes

HELD_OUT = outcomes([1.0, 1.3, 1.1], [500, 200, 300], [0, 1, 1], first=10)


def test_everything_is_of_the_held_out_runs() -> None:
    train, test = drawn(60, 0, effect=1.0), drawn(80, 1_000, effect=1.0)
    found = judge(train, test, window=50, limits=[3_000])
    swept = sweep_thresholds(train, test, window=50)
    assert found.sweep.chosen == swept.chosen
    assert found.sweep.test_gain == swept.test_gain
    assert found.rates == tuple(success_rates(test, swept.chosen, limits=[3_000]))
    assert found.relation == relation(test)


def test_json_can_store_it() -> None:
    found = judge(FIVE, HELD_OUT, window=50, limits=[300])
    stored = json.loads(json.dumps(found.to_dict()))
    assert stored["threshold"] == found.sweep.chosen
    assert len(stored["curves"]["train"]["efficiency"]) == len(stored["thresholds"])
    assert stored["verdict"] == found.verdict


def test_the_side_is_passed_on() -> None:
    turned = judge(FIVE, HELD_OUT, window=50, above=False, limits=[300])
    assert turned.sweep.train_gain.boost <= 0 or turned.sweep.train_gain.kept == 1
    assert turned.sweep.chosen > FIVE.values.max()


def test_equal_values_have_no_relation() -> None:
    same = outcomes([1.0, 1.0, 1.0], [500, 200, 300], [0, 1, 1], first=10)
    assert judge(FIVE, same, window=50, limits=[300]).relation is None


def test_what_cannot_be_judged_is_refused() -> None:
    none = outcomes([1.0, 1.3, 1.1], [500, 500, 500], [0, 0, 0], first=10)
    with pytest.raises(ConfigError, match="None of 3 runs succeeds"):
        judge(FIVE, none, window=50)
    with pytest.raises(ConfigError, match="train for longer"):
        judge(FIVE, HELD_OUT, window=50, limits=[3_000])


@pytest.mark.parametrize(
    ("interval", "kept", "p_value", "says"),
    [
        ((1.0, 9.0), 0.5, 0.05, "Screening pays"),
        ((1.0, 9.0), 0.5, 0.06, "No effect can be told"),
        ((-9.0, -1.0), 0.5, 0.05, "Screening costs"),
        ((-9.0, -1.0), 0.5, 0.06, "No effect can be told"),
        ((-1.0, 9.0), 0.5, 0.01, "No effect can be told"),
        ((0.0, 9.0), 0.5, 0.01, "No effect can be told"),
        ((-100.0, -100.0), 0.0, 1.0, "gives up every run"),
        ((0.0, 0.0), 1.0, 1.0, "gives up no run"),
    ],
)
def test_the_verdict_needs_the_interval_and_the_test(
    interval: tuple[float, float], kept: float, p_value: float, says: str
) -> None:
    gain = Gain(boost=sum(interval) / 2, interval=interval, kept=kept, p_value=p_value)
    assert says in verdict_of(gain)


def test_one_success_of_four_proves_nothing() -> None:
    """It is above the threshold in one of four tables whose values say nothing."""
    few = outcomes([1.3, 1.0, 1.0, 1.0], [100, 500, 500, 500], [1, 0, 0, 0], first=10)
    found = judge(FIVE, few, window=50, limits=[300])
    assert found.sweep.test_gain.interval[0] > 0
    assert found.sweep.test_gain.p_value == pytest.approx(0.5)
    assert "No effect can be told" in found.verdict
