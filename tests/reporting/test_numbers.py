"""Numbers have few digits, and exponents only where they must."""

from __future__ import annotations

import pytest

from sb3_prune.reporting.numbers import between, change, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345.6, "12,346"),
        (-1_234_567.8, "-1,234,568"),
        (999.96, "1,000"),
        (1000.4, "1,000"),
        (47.654, "47.65"),
        (-0.123456, "-0.1235"),
        (0.00002, "2.0e-05"),
        (-0.0, "0"),
        (1e15, "1.000e+15"),
        (-9.87654e299, "-9.877e+299"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_an_interval() -> None:
    assert between(-1.5, 12000) == "-1.5 to 12,000"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (100, 50, "-50.0 %"),
        (3, 4, "+33.3 %"),
        (100_000, 20, "-99.98 %"),
        (10, 0, "-100.0 %"),
        (10**9, 1, "-100.0000 %"),
    ],
)
def test_changes(before: float, after: float, text: str) -> None:
    assert change(before, after) == text
