"""Tests for cli/tables.py."""

from __future__ import annotations

from typing import Any

import pytest

from sb3_prune.cli.tables import aligned, find_tables, show


@pytest.mark.parametrize(
    ("found", "tables"),
    [
        ({}, {}),
        ({"a": 1, "b": [1, 2]}, {"": {"": {"a": 1}}}),
        ({"x": {"n": 1}, "y": {"n": 2}}, {"": {"x": {"n": 1}, "y": {"n": 2}}}),
        ({"t": 1, "s": {"x": {"n": 1, "l": []}}}, {"s": {"x": {"n": 1}}}),
        (
            {"h": {"x": {"n": 1}}, "b": {"x": {"n": None}}},
            {"h": {"x": {"n": 1}}, "b": {"x": {"n": None}}},
        ),
        ({"h": {"i": {"x": {"n": 1}}}}, {"h i": {"x": {"n": 1}}}),
    ],
)
def test_tables_are_found_anywhere(
    found: dict[str, Any], tables: dict[str, Any]
) -> None:
    assert find_tables(found) == tables


def test_tables_are_aligned() -> None:
    assert aligned([["", "n"], ["ab", "10"]]) == ["     n", "ab  10"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (3, "3"), (0.12345, "0.123"), (1234.5, "1,234")]
)
def test_numbers_are_short(value: object, text: str) -> None:
    assert show(value) == text
