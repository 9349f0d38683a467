"""Tests for surgery/change.py."""

from __future__ import annotations

from typing import Any

import numpy as np
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


def rows(change: Change, tensor: torch.Tensor) -> torch.Tensor:
    return change.transform(tensor, 0, Side.ROWS)


def columns(change: Change, tensor: torch.Tensor) -> torch.Tensor:
    return change.transform(tensor, 1, Side.COLUMNS)


def test_draws_depend_on_the_seed_alone() -> None:
    first, again, other = (reset([0], WIDTH, seed=s).drawn(8) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_draws_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    add(2, WIDTH, seed=0).drawn(8)
    assert torch.equal(torch.get_rng_state(), before)


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


# Shifts, and units that stay although what reads them changes.


def fitted(gone: list[int], width: int, seed: int = 0) -> Change:
    """Return a removal whose other units take the removed ones over, with shifts."""
    generator = torch.Generator().manual_seed(seed)
    cut = remove(gone, width)
    mixed = torch.randn(width, cut.after, generator=generator).double()
    shifts = torch.randn(width, generator=generator).double()
    mixed[cut.kept], shifts[cut.kept] = cut.columns[cut.kept].double(), 0.0
    return Change(rows=cut.rows, columns=mixed, shifts=shifts)


def forward(
    change: Change, made: torch.Tensor, read: torch.Tensor, x: torch.Tensor
) -> torch.Tensor:
    """Return what a tiny linear network says after a change of its hidden units."""
    bias = read.double() @ change.shifts.double()
    return x @ rows(change, made).T @ columns(change, read).T + bias


@few
@given(seed=st.integers(0, 999))
def test_two_changes_with_shifts_are_one(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(WIDTH, 3, generator=generator).double()
    read = torch.randn(2, WIDTH, generator=generator).double()
    x = torch.randn(7, 3, generator=generator).double()
    first, second = fitted([1, 3], WIDTH, seed), fitted([0], 3, seed + 1)
    # The first change, and the second one of the network that it leaves.
    bias = read @ first.shifts
    between = columns(first, read)
    expected = bias + forward(second, rows(first, made), between, x)
    found = forward(first.then(second), made, read, x)
    torch.testing.assert_close(found, expected)
    third = fitted([0], 2, seed)
    left, right = first.then(second).then(third), first.then(second.then(third))
    torch.testing.assert_close(left.shifts, right.shifts)
    torch.testing.assert_close(left.columns, right.columns)


def test_shifts_are_zeros_by_default() -> None:
    for change in CHANGES:
        assert change.shifts.shape == (change.before,) and not change.shifts.any()


def test_units_that_stay_are_known_whatever_reads_them() -> None:
    change = fitted([1, 3], WIDTH)
    assert change.kept is not None and change.kept.tolist() == [0, 2, 4]
    assert change.selection is None and not len(change.removed)
    assert remove([1], WIDTH).kept is not None
    for other in (add(1, WIDTH), reset([1], WIDTH, 0), merge([[0, 1], [2, 3, 4]], 5)):
        assert other.kept is None
    assert repr(change) == "Change(5 -> 3 units, mix)"
    shifted = Change(
        rows=torch.eye(2), columns=torch.eye(2), shifts=torch.tensor([0.0, 1.0])
    )
    assert shifted.selection is None and shifted.kept is not None


def test_moments_and_units_of_a_fitted_change_are_selected() -> None:
    change, kept = fitted([1, 3], WIDTH), [0, 2, 4]
    for side in Side:
        found = change.transform(UNITS, 0, side, moment=True)
        assert torch.equal(found, UNITS[kept])
    for side in (Side.ROWS, Side.UNIT, Side.NOISE):
        assert torch.equal(change.transform(UNITS, 0, side), UNITS[kept])
    expected = UNITS.T.double() @ change.columns
    torch.testing.assert_close(columns(change, UNITS.T.double()), expected)


@pytest.mark.parametrize(
    ("shifts", "message"),
    [
        (torch.ones(3), r"shifts must be \(2,\), one per old unit, got \(3,\)"),
        (torch.ones(2, 1), r"shifts must be \(2,\)"),
        (torch.tensor([1.0, torch.nan]), "shifts of a change must be finite"),
        (torch.tensor([1.0, torch.inf]), "finite"),
        ([1.0, 2.0], "real tensors"),
    ],
)
def test_shifts_that_do_not_fit_are_refused(shifts: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Change(rows=torch.eye(2), columns=torch.eye(2), shifts=shifts)


EYE = torch.eye(2)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_tensors_of_another_type_are_converted_exactly(kind: torch.dtype) -> None:
    third = torch.full((2,), 1 / 3, dtype=kind)
    change = Change(rows=EYE, columns=EYE.to(kind), shifts=third)
    assert torch.equal(change.shifts.double(), third.double())
    assert change.rows.dtype == change.columns.dtype == change.shifts.dtype
    assert Change(rows=EYE.bool(), columns=EYE.int()).rows.dtype == torch.float32


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (EYE.to("meta"), "made of numbers, got a tensor on 'meta'"),
        (EYE.to_sparse(), "made of real tensors, got"),
        (EYE.long() * (2**24 + 1), "whole number in a change must be below 16777216"),
        (EYE.to(torch.float8_e4m3fn), "made of other tensors: .*Float8"),
    ],
)
def test_what_cannot_be_converted_is_refused(rows: torch.Tensor, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Change(rows=rows, columns=EYE)


def test_seeds_of_numpy_become_those_of_python() -> None:
    change = Change(rows=EYE, columns=EYE, draws=EYE, seeds=(np.int64(3), 4))
    assert [type(seed) for seed in change.seeds] == [int, int]
    with pytest.raises(PlanError, match=r"A seed is .* got True"):
        Change(rows=EYE, columns=EYE, draws=EYE, seeds=(True, 4))


@pytest.mark.parametrize("seeds", [3, None, np.array(3), {1: 2}, b"\x01", "12"])
def test_seeds_that_are_no_list_are_refused(seeds: Any) -> None:
    with pytest.raises(PlanError, match="Seeds must be whole numbers in a list, got"):
        Change(rows=EYE, columns=EYE, draws=EYE, seeds=seeds)


@pytest.mark.parametrize("shape", [(2, 1), (2, 3), (5,)])
def test_draws_without_seeds_are_not_discarded(shape: tuple[int, ...]) -> None:
    with pytest.raises(PlanError, match=r"draws must be \(2, 0\), one column per seed"):
        Change(rows=EYE, columns=EYE, draws=torch.ones(shape))
    assert Change(rows=EYE, columns=EYE, draws=torch.ones(2, 0)).draws.shape == (2, 0)


def test_matrices_lie_in_memory_as_loaded_ones_do() -> None:
    rows = torch.rand(3, WIDTH)
    assert Change(rows=rows, columns=rows.T).columns.is_contiguous()
    assert merge([[0, 1], [2, 3, 4]], WIDTH).columns.is_contiguous()
