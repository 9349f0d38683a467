"""Tests for histograms.py, on numbers that were computed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sb3_prune_screening.histograms import HistogramConfig, entropies, entropy_of

from sb3_prune.exceptions import ConfigError, NonFiniteError

LN2 = math.log(2)
VALUES = {
    # Two bins over [0, 1]: first unit half and half, second unit 3 to 1.
    "a": np.array([[0, 0], [0, 0], [1, 0], [1, 1]], np.float32),
    # In [0, 10], pooled with the others, everything up to 1 is in the first bin.
    "b": np.array([[0], [0], [0], [10]], np.float32),
}
QUARTER = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))


def of(**options: Any) -> HistogramConfig:
    return HistogramConfig(bins=2, **options)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("pooled", -(11 / 12 * math.log(11 / 12) + 1 / 12 * math.log(1 / 12))),
        ("layer", (-(5 / 8 * math.log(5 / 8) + 3 / 8 * math.log(3 / 8)) + QUARTER) / 2),
        ("unit", (LN2 + QUARTER + QUARTER) / 3),
    ],
)
def test_pooling_by_hand(pooling: Any, expected: float) -> None:
    assert entropy_of(VALUES, of(pooling=pooling)) == pytest.approx(expected)
    bits = entropy_of(VALUES, of(pooling=pooling, base=2))
    assert bits == pytest.approx(expected / LN2)


def test_the_width_term_by_hand() -> None:
    """Two bins of width 1/2 and 5: ln 1/2 and ln 5."""
    found = entropies(VALUES["a"], of(width_term=True))
    assert found == pytest.approx([LN2 + math.log(0.5), QUARTER + math.log(0.5)])
    (wide,) = entropies(VALUES["b"], of(width_term=True, base=2))
    assert wide == pytest.approx((QUARTER + math.log(5)) / LN2)


def test_the_width_term_makes_it_the_entropy_of_a_density() -> None:
    """Scaling a variable by s adds log s; a uniform one on [0, s] has log s."""
    even = np.linspace(0, 1, 7001)[:, None]
    config = HistogramConfig(width_term=True)
    (one,), (three,) = (entropies(s * even, config) for s in (1, 3))
    assert one == pytest.approx(0, abs=1e-3) and three - one == pytest.approx(
        math.log(3)
    )


def test_seven_bins_hold_at_most_ln_seven() -> None:
    even = np.arange(7.0)[:, None]
    assert entropies(even, HistogramConfig()) == pytest.approx([math.log(7)])


@pytest.mark.parametrize("seed", range(20))
def test_histograms_are_those_of_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(50, 9)) * 10.0 ** rng.integers(-3, 4)
    expected = []
    for column in values.T:
        counts = np.histogram(column, bins=7)[0]
        shares = counts[counts > 0] / 50
        expected.append(-(shares * np.log(shares)).sum())
    assert entropies(values, HistogramConfig()) == pytest.approx(expected)


def test_constant_values_are_in_one_bin() -> None:
    constant = {"a": np.full((5, 2), 3.0)}
    found = entropy_of(constant, HistogramConfig())
    assert found == 0 and math.copysign(1, found) == 1
    with pytest.raises(NonFiniteError, match="all layers are minus infinity"):
        entropy_of(constant, HistogramConfig(width_term=True))
    mixed = {"a": np.array([[0.0, 1.0], [0.0, 2.0]])}
    with pytest.raises(NonFiniteError, match=r"of a are .*1 of 2 are constant"):
        entropy_of(mixed, HistogramConfig(width_term=True, pooling="unit"))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_must_be_numbers(bad: float) -> None:
    with pytest.raises(NonFiniteError, match="Values of a"):
        entropy_of({"a": np.array([[bad]])}, HistogramConfig(pooling="layer"))


def test_large_values_do_not_overflow() -> None:
    wide = np.array([[-3e38], [3e38]], np.float32)
    assert entropies(wide, HistogramConfig()) == pytest.approx([LN2])


@pytest.mark.parametrize(
    "bad",
    [
        {"bins": 1},
        {"pooling": "network"},
        {"base": 1.0},
        {"base": math.inf},
        {"width_term": 1},
    ],
)
def test_options_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        HistogramConfig(**bad)


@pytest.mark.parametrize("bins", [3, 7, 49, 98])
def test_whole_numbers_on_the_edges_are_in_the_upper_bin(bins: int) -> None:
    """1 / 49 * 49 is less than 1: every bin has one number, the last one two."""
    whole = np.arange(bins + 1.0).reshape(-1, 1)
    shares = np.array([1.0] * (bins - 1) + [2.0]) / (bins + 1)
    (found,) = entropies(whole, HistogramConfig(bins=bins))
    assert found == pytest.approx(-(shares * np.log(shares)).sum())
