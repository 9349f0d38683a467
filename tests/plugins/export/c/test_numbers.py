"""Tests for sb3_prune_export/c/numbers.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sb3_prune_export.c.numbers import DOUBLE, FLOAT, NUMBERS, array, literal


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_it_was(value: float) -> None:
    text = literal(value, FLOAT)
    assert text.endswith("f")
    assert np.float32(text[:-1]) == np.float32(value)
    assert array(torch.tensor([value]), FLOAT) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_reads_back_as_it_was(value: float) -> None:
    assert float(literal(value, DOUBLE)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, "INFINITY"),
        (-math.inf, "-INFINITY"),
        (math.nan, "NAN"),
        (3.5e38, "INFINITY"),
        (-1e300, "-INFINITY"),
    ],
)
def test_what_is_not_finite_has_a_name(value: float, text: str) -> None:
    assert literal(value, FLOAT) == text
    assert text in array(torch.tensor([1.0, value]), FLOAT)


def test_whole_numbers_of_64_bits_are_literals() -> None:
    number = NUMBERS[torch.int64]
    assert literal(2**62, number) == f"{2**62}LL"
    assert literal(-(2**63), number) == f"(-{2**63 - 1}LL - 1)"
    assert literal(2**64 - 1, NUMBERS[torch.uint64]) == f"{2**64 - 1}ULL"
    assert literal(True, NUMBERS[torch.bool]) == "1"
