"""Tests for surgery/elementary.py."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.elementary import add, keep, merge, remove, reset, split
from sb3_prune.surgery.flow.slots import Side

WIDTH = 5
UNITS = torch.arange(15.0).reshape(WIDTH, 3)
few = settings(max_examples=20, deadline=None, derandomize=True, database=None)
subsets = st.sets(st.integers(0, WIDTH - 1), min_size=1).map(sorted)


def rows(change: Change, tensor: torch.Tensor) -> torch.Tensor:
    return change.transform(tensor, 0, Side.ROWS)


def columns(change: Change, tensor: torch.Tensor) -> torch.Tensor:
    return change.transform(tensor, 1, Side.COLUMNS)


@few
@given(kept=subsets)
def test_keep_and_remove_are_complements(kept: list[int]) -> None:
    gone = sorted(set(range(WIDTH)) - set(kept))
    for change in (keep(kept, WIDTH), remove(gone, WIDTH)):
        assert change.selection is not None and change.selection.tolist() == kept
        assert change.removed.tolist() == gone
        assert (change.before, change.after) == (WIDTH, len(kept))
        assert torch.equal(rows(change, UNITS), UNITS[kept])
        assert torch.equal(columns(change, UNITS.T), UNITS.T[:, kept])


def test_keep_follows_the_given_order() -> None:
    assert torch.equal(rows(keep([3, 0], WIDTH), UNITS), UNITS[[3, 0]])


def test_removing_nothing_is_the_identity() -> None:
    change = remove([], WIDTH)
    assert torch.equal(change.rows, torch.eye(WIDTH)) and not len(change.removed)


@pytest.mark.parametrize("make", [keep, remove, lambda u, w: reset(u, w, seed=0)])
@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([0, 9, -2], r"\[-2, 9\] do not exist: the layer has 5"),
        ([1, 3, 1], r"\[1\].*more"),
    ],
)
def test_wrong_units_are_named(make: Any, units: list[int], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make(units, WIDTH)


@pytest.mark.parametrize("make", [lambda: keep([], 5), lambda: remove(range(5), 5)])
def test_a_layer_keeps_at_least_one_unit(make: Any) -> None:
    with pytest.raises(PlanError, match="5 units must keep at least one"):
        make()


def test_a_merge_averages_rows_and_adds_columns() -> None:
    gamma = [1.0, 2.0, 1.0, 0.5, 4.0]
    change = merge([[0, 1], [2], [3, 4]], WIDTH, gamma)
    expected = torch.stack(
        [(UNITS[0] + UNITS[1] / 2) / 2, UNITS[2], (UNITS[3] / 0.5 + UNITS[4] / 4) / 2]
    )
    torch.testing.assert_close(rows(change, UNITS), expected)
    summed = [UNITS[0] + 2 * UNITS[1], UNITS[2], 0.5 * UNITS[3] + 4 * UNITS[4]]
    torch.testing.assert_close(columns(change, UNITS.T), torch.stack(summed).T)
    assert change.selection is None and not len(change.removed)


@pytest.mark.parametrize(
    ("clusters", "scale", "message"),
    [
        ([[0, 1], [2, 3]], None, "each of the 5 units exactly once"),
        ([[0, 1], [1, 2, 3, 4]], None, "each of the 5 units exactly once"),
        ([[0, 1, 2, 3, 7]], None, r"\[7\] do not exist"),
        ([[0, 1, 2, 3, 4]], [1, 1, 0, 1, 1], r"5 positive numbers, got \[1, 1, 0"),
        ([[0, 1, 2, 3, 4]], [1, 1], r"5 positive numbers, got \[1, 1\]"),
        ([[0, 1, 2, 3, 4]], [1, 1, 1, 1, float("nan")], "5 positive numbers"),
    ],
)
def test_a_merge_that_makes_no_sense_is_refused(
    clusters: list[list[int]], scale: list[float] | None, message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        merge(clusters, WIDTH, scale)


def test_a_reset_redraws_rows_and_silences_columns() -> None:
    change = reset([1, 4], WIDTH, seed=3)
    kept = [0, 2, 3]
    assert torch.equal(rows(change, UNITS)[kept], UNITS[kept])
    assert not rows(change, UNITS)[[1, 4]].any()
    assert not columns(change, UNITS.T)[:, [1, 4]].any()
    drawn = change.drawn(100)
    assert not drawn[kept].any()
    assert 0 < drawn.abs().max() <= 100**-0.5
    assert not torch.equal(drawn[1], drawn[4])
    assert change.selection is None and change.removed.tolist() == [1, 4]


def test_added_units_are_read_by_nobody() -> None:
    for change in (add(2, WIDTH), add(2, WIDTH, seed=0)):
        assert (change.before, change.after) == (WIDTH, WIDTH + 2)
        assert torch.equal(rows(change, UNITS)[:WIDTH], UNITS)
        assert not columns(change, UNITS.T)[:, WIDTH:].any()
    assert not add(2, WIDTH, seed=None).drawn(8).any()
    assert bool(add(2, WIDTH, seed=0).drawn(8)[WIDTH:].all())


def test_a_negative_number_of_units_is_refused() -> None:
    with pytest.raises(PlanError, match="add -2 units"):
        add(-2, WIDTH)


@pytest.mark.parametrize(
    "units",
    [
        [0.7],
        ["1"],
        [None],
        [torch.tensor(0.5)],
        [True],
        [np.True_],
        torch.tensor([True, False]),
        np.array([False, True]),
    ],
)
def test_units_that_are_no_whole_numbers_are_refused(units: Any) -> None:
    for change in (keep, remove, partial(reset, seed=0)):
        with pytest.raises(PlanError, match="A unit must be a whole number, got"):
            change(units, 12)  # type: ignore[operator]
    with pytest.raises(PlanError, match="number of new units must be a whole number"):
        add(1.5, 12)  # type: ignore[arg-type]


def test_indices_may_be_tensors_and_arrays() -> None:
    for units in (torch.tensor([1, 2]), np.array([1, 2])):
        assert remove(units, 4).kept.tolist() == [0, 3]  # type: ignore[union-attr, arg-type]


def test_an_empty_cluster_is_refused() -> None:
    with pytest.raises(PlanError, match="Cluster 1 is empty"):
        merge([[0, 1], [], [2]], 3)


ELEMENTARY: dict[str, Any] = {
    "keep": lambda width: keep([0], width),
    "remove": lambda width: remove([0], width),
    "merge": lambda width: merge([[0, 1]], width),
    "reset": lambda width: reset([0], width, 0),
    "add": lambda width: add(1, width),
}


@pytest.mark.parametrize("kind", ELEMENTARY)
def test_widths_are_whole_numbers_in_a_range(kind: str) -> None:
    for width, message in [
        (0, "must have 1 to 65536 units, not 0"),
        (-3, "must have 1 to 65536 units, not -3"),
        (10**7, "must have 1 to 65536 units, not 10000000"),
        (10**400, "must have 1 to 65536 units, not 1000"),
        (2.0, "number of units must be a whole number, got 2.0"),
        (True, "number of units must be a whole number, got True"),
        ("2", "number of units must be a whole number, got '2'"),
    ]:
        with pytest.raises(PlanError, match=message):
            ELEMENTARY[kind](width)
    assert ELEMENTARY[kind](np.int64(2)).before == 2


@pytest.mark.parametrize("make", [keep, remove, partial(reset, seed=0)])
def test_units_of_no_layer_are_refused(make: Any) -> None:
    for units, message in [
        ([10**400], "do not exist"),
        ([-1], r"\[-1\] do not exist"),
        ([1, np.int64(1)], r"\[1\] are named more than once"),
        (3, "Units must be whole numbers in a list, got 3"),
        (None, "Units must be whole numbers in a list, got None"),
    ]:
        with pytest.raises(PlanError, match=message):
            make(units, 12)


def test_few_units_of_a_wide_layer_need_little_memory() -> None:
    assert keep([5], 2**16).rows.numel() == 2**16


def test_further_numbers_that_make_no_sense_are_refused() -> None:
    for make, message in [
        (lambda: add(10**400, 3), "must have 1 to 65536 units"),
        (lambda: add(True, 3), "number of new units must be a whole number, got True"),
        (lambda: add(1, 3, 10**400), "A seed must have at most 64 bits"),
        (lambda: add(1, 3, 1.5), "A seed must be a whole number, got 1.5"),  # type: ignore[arg-type]
        (lambda: reset([0], 3, 10**400), "A seed must have at most 64 bits"),
        (lambda: merge(3, 3), "Clusters must be lists of units in a list, got 3"),  # type: ignore[arg-type]
        (lambda: merge([0, 1], 2), "Units must be whole numbers in a list, got 0"),  # type: ignore[list-item]
        (lambda: merge([[0, 1]], 2, [1, 10**400]), "scale must be 2 positive numbers"),
        (lambda: merge([[0, 1]], 2, "ab"), "scale must be 2 positive numbers"),  # type: ignore[arg-type]
        (lambda: merge([[0, 1]], 2, [1, float("inf")]), "must be finite"),
    ]:
        with pytest.raises(PlanError, match=message):
            make()


@pytest.mark.parametrize(
    "units",
    [
        (torch.tensor([0.1, 0.9]) < 0.5).nonzero().squeeze(),
        np.array(3),
        {1: 2},
        "12",
        b"\x01\x02",
        bytearray(b"\x01"),
    ],
)
def test_what_is_no_list_is_refused(units: Any) -> None:
    for make in (keep, remove, partial(reset, seed=0), merge):
        with pytest.raises(PlanError, match=r"must be .* in a list, got"):
            make(units, 12)
    with pytest.raises(PlanError, match="Units must be whole numbers in a list, got"):
        merge([units], 12)


@pytest.mark.parametrize(
    "number", [torch.ones((), device="meta"), torch.tensor([1, 2]), 1j]
)
def test_numbers_that_cannot_be_read_are_refused(number: Any) -> None:
    for make in (
        lambda: remove([number], 12),
        lambda: remove([0], number),
        lambda: add(number, 12),
        lambda: add(1, 12, number),
    ):
        with pytest.raises(PlanError, match="must be a whole number, got"):
            make()


@pytest.mark.parametrize(
    "scale",
    [
        torch.tensor([1 + 1j, 1]),
        [1 + 1j, 1],
        np.array([1j, 1]),
        torch.ones(2, device="meta"),
        torch.ones(2).to_sparse(),
        torch.tensor(1.0),
        {0: 1.0, 1: 1.0},
    ],
)
def test_a_scale_that_is_no_list_of_real_numbers_is_refused(scale: Any) -> None:
    with pytest.raises(PlanError, match="scale must be 2 positive numbers"):
        merge([[0, 1]], 2, scale)


@few
@given(units=subsets)
def test_twins_share_what_reads_them(units: list[int]) -> None:
    change = split(units, WIDTH)
    assert torch.equal(rows(change, UNITS), UNITS[[*range(WIDTH), *units]])
    assert torch.equal(change.columns.sum(1), torch.ones(WIDTH))
    read = columns(change, UNITS.T)
    assert torch.equal(read[:, WIDTH:], UNITS.T[:, units] / 2)
    assert torch.equal(change.then(keep(range(WIDTH), change.after)).rows, torch.eye(5))


def test_split_names_units_that_do_not_exist() -> None:
    with pytest.raises(PlanError, match=r"\[7\] do not exist"):
        split([7], WIDTH)


def test_added_units_are_drawn_unless_they_only_fill_up() -> None:
    assert add(2, WIDTH).seeds == add(2, WIDTH, seed=0).seeds != ()
    assert add(2, WIDTH, seed=None).seeds == ()
