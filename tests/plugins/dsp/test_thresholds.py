"""Tests for thresholds.py."""

from __future__ import annotations

import pytest
import torch
from sb3_prune_dsp.thresholds import cumulative, literal, units_left

OMEGA = torch.tensor([4.0, 1.0, 0.0, 3.0, 2.0])
"""Their sum is 10, their running sums in order 0, 1, 3, 6, 10."""


@pytest.mark.parametrize(
    ("share", "gone"),
    [
        (0.0, []),
        (0.1, [2]),  # 1 is not below a threshold of 1.
        (0.3, [1, 2]),
        (0.31, [1, 2, 4]),
        (0.93, [1, 2, 3, 4]),
    ],
)
def test_cumulative_by_hand(share: float, gone: list[int]) -> None:
    assert cumulative(OMEGA, share).nonzero().flatten().tolist() == gone


@pytest.mark.parametrize(
    ("share", "gone"),
    [(0.0, []), (0.1, [2]), (0.25, [1, 2, 4]), (0.4, [1, 2, 3, 4]), (0.41, range(5))],
)
def test_literal_by_hand(share: float, gone: list[int]) -> None:
    assert literal(OMEGA, share).nonzero().flatten().tolist() == list(gone)


def test_equal_units_stay_or_go_by_their_number() -> None:
    equal = torch.ones(10)
    assert int(cumulative(equal, 0.5).sum()) == 4
    assert int(literal(equal, 0.1).sum()) == 0
    assert int(literal(equal, 0.11).sum()) == 10
    dead = torch.zeros(10)
    assert not bool(cumulative(dead, 0.9).any() or literal(dead, 0.9).any())


SCORES = {"small": OMEGA, "large": 10 * OMEGA}


@pytest.mark.parametrize(
    ("threshold", "share", "least", "together", "left"),
    [
        ("cumulative", 0.31, 1, False, {"small": 2, "large": 2}),
        # Sums over both: 0 0 1 3 6 10 20 40 70 110, and the threshold is 66.
        ("cumulative", 0.6, 1, True, {"small": 1, "large": 2}),
        ("literal", 0.2, 1, False, {"small": 3, "large": 3}),
        ("literal", 0.2, 1, True, {"small": 1, "large": 2}),
        ("literal", 0.9, 1, False, {"small": 1, "large": 1}),
        ("literal", 0.9, 9, True, {"small": 5, "large": 5}),
    ],
)
def test_units_left_by_hand(
    threshold: str, share: float, least: int, together: bool, left: dict[str, int]
) -> None:
    assert units_left(threshold, SCORES, share, least, together) == left
