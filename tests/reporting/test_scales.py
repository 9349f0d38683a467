"""Tests for reporting/scales.py."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_prune.reporting.scales import Scale

NUMBERS = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8)


@given(NUMBERS, st.booleans())
def test_every_value_lies_on_the_axis(values: list[float], zero: bool) -> None:
    values = [abs(v) for v in values] if zero else values
    scale = Scale.around(values, 200, 10, zero=zero)
    assert all(10 <= scale.place(value) <= 200 for value in values)
    assert all(10 <= place <= 200 for place, _ in scale.labels())
    assert len(scale.ticks) >= 2
    assert all(a < b for a, b in pairwise(scale.ticks))


def test_no_two_labels_are_equal() -> None:
    labels = [text for _, text in Scale.around([-1208.6, -1208.4], 0, 100).labels()]
    assert labels == ["-1,208.6", "-1,208.55", "-1,208.5", "-1,208.45", "-1,208.4"]


def test_a_constant_of_any_size_has_an_axis() -> None:
    assert Scale.around([1e17, 1e17], 0, 100).place(1e17) == 50


def test_zero_is_where_the_axis_begins() -> None:
    assert Scale.around([5, 10], 100, 0, zero=True).place(0) == 100


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([0, 20_000], False, ["0", "5k", "10k", "15k", "20k"]),
        ([0, 1], True, ["0 %", "25 %", "50 %", "75 %", "100 %"]),
        ([0, 1e16], False, ["0", "2.5e+15", "5e+15", "7.5e+15", "1e+16"]),
        ([-1e300, 1e300], False, ["-1e+300", "-5e+299", "0", "5e+299", "1e+300"]),
        ([0, 1000], False, ["0", "250", "500", "750", "1,000"]),
    ],
)
def test_labels_are_round(
    values: list[float], percent: bool, expected: list[str]
) -> None:
    scale = Scale.around(values, 0, 100)
    assert [text for _, text in scale.labels(percent=percent)] == expected
