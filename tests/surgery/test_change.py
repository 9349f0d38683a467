"""Tests for surgery/change.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.elementary import add, keep, merge, remove, reset
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


def test_draws_depend_on_the_seed_alone() -> None:
    first, again, other = (reset([0], WIDTH, seed=s).drawn(8) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_draws_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    add(2, WIDTH, seed=0).drawn(8)
    assert torch.equal(torch.get_rng_state(), before)


def test_added_units_are_read_by_nobody() -> None:
    for change in (add(2, WIDTH), add(2, WIDTH, seed=0)):
        assert (change.before, change.after) == (WIDTH, WIDTH + 2)
        assert torch.equal(rows(change, UNITS)[:WIDTH], UNITS)
        assert not columns(change, UNITS.T)[:, WIDTH:].any()
    assert not add(2, WIDTH).drawn(8).any()
    assert bool(add(2, WIDTH, seed=0).drawn(8)[WIDTH:].all())


def test_a_negative_number_of_units_is_refused() -> None:
    with pytest.raises(PlanError, match="add -2 units"):
        add(-2, WIDTH)


CHANGES = [
    remove([1], WIDTH),
    keep([4, 2, 0], WIDTH),
    merge([[0, 3], [1, 2, 4]], WIDTH, [1, 2, 3, 4, 5]),
    reset([2], WIDTH, seed=1),
    add(2, WIDTH, seed=1),
    add(1, WIDTH),
]


@pytest.mark.parametrize("first", CHANGES, ids=repr)
def test_composition_multiplies(first: Change) -> None:
    for second in (
        remove([0], first.after),
        reset([0], first.after, 5),
        add(1, first.after, 6),
    ):
        both = first.then(second)
        assert (both.before, both.after) == (first.before, second.after)
        expected = rows(second, rows(first, UNITS) + first.drawn(3)) + second.drawn(3)
        torch.testing.assert_close(rows(both, UNITS) + both.drawn(3), expected)
        expected = columns(second, columns(first, UNITS.T))
        torch.testing.assert_close(columns(both, UNITS.T), expected)


def test_composition_forgets_draws_that_nobody_keeps() -> None:
    grown = add(2, WIDTH, seed=1)
    assert grown.then(keep(range(WIDTH), WIDTH + 2)).selection is not None
    assert len(grown.then(remove([WIDTH], WIDTH + 2)).seeds) == 1


def test_changes_of_other_widths_do_not_compose() -> None:
    with pytest.raises(PlanError, match="leaves 4 units, the other expects 5"):
        remove([0], WIDTH).then(remove([0], WIDTH))


def test_moments_of_merged_units_are_averaged() -> None:
    change = merge([[0, 1], [2, 3, 4]], WIDTH)
    for axis, tensor in ((0, UNITS), (1, UNITS.T)):
        side = Side.ROWS if axis == 0 else Side.COLUMNS
        found = change.transform(tensor, axis, side, moment=True)
        expected = torch.stack([UNITS[:2].mean(0), UNITS[2:].mean(0)])
        torch.testing.assert_close(found if axis == 0 else found.T, expected)


def test_double_precision_stays() -> None:
    for change in CHANGES:
        assert rows(change, UNITS.double()).dtype == torch.float64


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"rows": torch.eye(2), "columns": torch.eye(3)}, r"\(2, 2\) and \(3, 3\)"),
        ({"rows": torch.ones(2), "columns": torch.ones(2)}, r"\(2,\) and \(2,\)"),
        ({"rows": torch.eye(2) * torch.nan, "columns": torch.eye(2)}, "finite"),
        ({"rows": torch.eye(2), "columns": torch.eye(2) / 0}, "finite"),
        (
            {"rows": torch.eye(2), "columns": torch.eye(2), "seeds": (1,)},
            r"draws must be \(2, 1\).*got \(0,\)",
        ),
    ],
)
def test_matrices_that_do_not_fit_are_refused(
    parts: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        Change(**parts)


def test_a_change_says_what_it_does() -> None:
    assert repr(remove([1], 5)) == "Change(5 -> 4 units, select)"
    assert repr(reset([1], 5, 0)) == "Change(5 -> 5 units, mix, 1 drawn)"
