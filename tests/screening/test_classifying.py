"""Tests for screening/classifying.py."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from sb3_prune.exceptions import ConfigError, MissingExtraError
from sb3_prune.screening.classifying import classify_faster
from sb3_prune.screening.outcomes import Outcomes
from screening.tabled import drawn, outcomes


def entropies(runs: Outcomes, told: slice) -> np.ndarray:
    """Draw entropies of 128 units, some of which tell the iterations."""
    generator = np.random.default_rng(int(runs.seeds[0]) + 7)
    found = generator.normal(size=(len(runs), 128))
    found[:, told] += np.sign(3_000 - runs.iterations)[:, None]
    return found


TRAIN, TEST = drawn(200, 0), drawn(200, 1_000)


def test_only_units_that_tell_are_of_use() -> None:
    told = slice(0, 8)
    found = classify_faster(TRAIN, entropies(TRAIN, told), TEST, entropies(TEST, told))
    assert list(found) == ["all", "first 64", "second 64"]
    for name in ("all", "first 64"):
        assert found[name].accuracy > 0.8 and found[name].p_value < 1e-6
    blind = found["second 64"]
    assert blind.p_value > 0.01 and blind.interval[0] < blind.chance
    assert 0.3 < blind.accuracy < 0.7


def test_a_verdict_is_what_it_is_by_hand() -> None:
    """One unit that tells all but one of ten held-out runs, six of which are fast."""
    spans = [100.0] * 10 + [300.0] * 10
    unit = np.array([[1.0]] * 10 + [[-1.0]] * 10)
    train = outcomes([1.0] * 20, spans, [1] * 20)
    test = outcomes([1.0] * 10, [100.0] * 6 + [300.0] * 4, [1] * 10, first=50)
    seen = np.array([[1.0]] * 5 + [[-1.0]] * 5)
    found = classify_faster(train, unit, test, seen, parts={"x": slice(None)})["x"]
    assert (found.accuracy, found.chance, found.said_faster) == (0.9, 0.6, 0.5)
    assert found.p_value == pytest.approx(0.6**10 + 10 * 0.6**9 * 0.4)


def test_always_the_same_answer_shows() -> None:
    runs = (drawn(60, 0), drawn(40, 100))
    constant = [np.ones((len(each), 4)) for each in runs]
    found = classify_faster(
        runs[0], constant[0], runs[1], constant[1], parts={"x": slice(None)}
    )["x"]
    assert found.said_faster in (0, 1) and found.accuracy <= found.chance
    assert found.p_value > 0.4


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = [entropies(each, slice(0)) for each in (TRAIN, TEST)]
    for a, b, said in (
        (good[0][:5], good[1], r"shape \(runs, units\) = \(200, 128\), got \(5, 128\)"),
        (good[0], good[1][:, :5], r"= \(200, 128\), got \(200, 5\)"),
        (good[0], good[1] * np.nan, "must be finite"),
    ):
        with pytest.raises(ConfigError, match=said):
            classify_faster(TRAIN, a, TEST, b)
    with pytest.raises(ConfigError, match="both for training and held out"):
        classify_faster(TRAIN, good[0], TRAIN, good[0])
    with pytest.raises(ConfigError, match="'second 64' has none of the 8 units"):
        classify_faster(TRAIN, good[0][:, :8], TEST, good[1][:, :8])
    equal = replace(TRAIN, iterations=np.full(200, 5_000.0))
    with pytest.raises(ConfigError, match="Only 0 of 200 training runs are faster"):
        classify_faster(equal, good[0], TEST, good[1])
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingExtraError, match=r"'sb3-prune\[screening\]'"):
        classify_faster(TRAIN, good[0], TEST, good[1])
