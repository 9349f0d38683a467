"""Tests for transplanting/ids.py."""

from __future__ import annotations

from typing import Any

import pytest

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.ids import check_branches, is_same, pair, parted


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"old": ["a", "b", "c"], "new": ["c", "x", "a"]}, (2, None, 0)),
        ({0: 2, 1: None, 2: 2}, (2, None, 2)),
        ([1, 0, None], (1, 0, None)),
        ((0, 1, 2), (0, 1, 2)),
    ],
)
def test_forms(given: Any, expected: Any) -> None:
    assert pair("observations", given, 3, 3) == expected


def test_nothing_given_keeps_equal_sizes() -> None:
    assert pair("observations", None, 3, 3) == (0, 1, 2)
    assert is_same((0, 1, 2), 3) and not is_same((0, 1), 3)
    with pytest.raises(TransplantError, match="has 3 observations, the new one 4"):
        pair("observations", None, 3, 4)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"old": ["a", "b"], "new": ["a", "b", "c"]},
            "3 old observations, but 2",
        ),
        ({"old": ["a", "a", "c"], "new": ["a", "b", "c"]}, r"same name: \['a'\]"),
        ({"old": ["a", "b", "c"], "new": ["x", "y", "z"]}, "No name occurs in both"),
        ({"old": "abc", "new": ["x", "y", "z"]}, "must be a list, got 'abc'"),
        ({0: 0, 1: 1}, r"missing: \[2\], unknown: \[\]"),
        ({0: 0, 1: 1, 2: 2, 9: 0}, r"missing: \[\], unknown: \[9\]"),
        ({0: 0, 1: 3, 2: 1}, "new index 1 cannot be old index 3: .* 0 to 2"),
        ([0, True, 1], "cannot be old index True"),
        ([0, -1, 1], "cannot be old index -1"),
        ("abc", "got 'abc'"),
        (7, "got 7"),
    ],
)
def test_errors(given: Any, why: str) -> None:
    with pytest.raises(TransplantError, match=why):
        pair("observations", given, 3, 3)


def test_nothing_carried_and_odd_names() -> None:
    with pytest.raises(TransplantError, match="All actions are new"):
        pair("actions", [None, None], 3, 2)
    names = {"old": [["a"], "b"], "new": ["a", "b"]}
    with pytest.raises(TransplantError, match=r"cannot be lists and such: \[\['a'\]\]"):
        pair("actions", names, 2, 2)


@pytest.mark.parametrize(
    ("sources", "old", "new"),
    [
        ([2, 3, 4, 0, 1], [2, 3], [3, 2]),  # Branches are exchanged.
        ([0, None, 1, 4], [2, 3], [3, 1]),
        ([2, 1, 0, 2], [3], [2, 2]),
        ([None, None, 1], [2], [2, 1]),
    ],
)
def test_branches_that_stay_together(sources: Any, old: Any, new: Any) -> None:
    check_branches("actions", tuple(sources), old, new)


def test_branches_are_not_mixed() -> None:
    why = r"new branch 1, .* choices of the old branches \[0, 1\], \[4, 0\]"
    with pytest.raises(TransplantError, match=why):
        check_branches("actions", (2, 3, None, 4, 0), [2, 3], [3, 2])


@pytest.mark.parametrize(
    ("sources", "old", "new", "expected"),
    [
        ((0, 1, 2, 3), [4], [2, 2], [0]),
        ((0, 1, 2, 3, 4), [2, 3], [2, 3], []),
        ((2, 3, 4, 0, 1), [2, 3], [3, 2], []),
        ((0, 1, 0, 1), [2], [2, 2], []),
        ((0, 1, 0, None), [2], [2, 2], [0]),
        ((0, 1, 3, 2, None), [2, 2], [2, 1, 2], [1]),
        ((0, None, None), [2], [2, 1], []),
    ],
)
def test_branches_whose_choices_are_spread(
    sources: Any, old: list[int], new: list[int], expected: list[int]
) -> None:
    assert parted(sources, old, new) == expected
