"""Tests for sb3_prune_export/c/expressions.py."""

from __future__ import annotations

from sb3_prune_export.c.expressions import ARITHMETIC, TESTS, WHOLE, filled


def test_functions_get_the_suffix_of_their_type() -> None:
    assert filled(ARITHMETIC["tanh"], "f") == "tanhf({0})"
    assert filled(ARITHMETIC["tanh"], "") == "tanh({0})"


def test_whole_numbers_have_no_operation_of_their_own() -> None:
    assert WHOLE.keys() <= ARITHMETIC.keys()
    assert not ARITHMETIC.keys() & TESTS.keys()
