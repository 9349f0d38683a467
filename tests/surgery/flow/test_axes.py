"""Tests for surgery/flow/axes.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sb3_prune.surgery.flow.axes import (
    Axis,
    Units,
    fix,
    fix_held,
    free,
    is_free,
    is_held,
    length,
    opaque,
    part,
    resolve,
    roots,
    unify,
)
from surgery.flow.entries import Entry, entries

Label = tuple[int, int, int]
"""A variable by its size and number, and one of its units."""


@dataclass
class Pool:
    """Variables from which axes are put together, and what is known of each label."""

    variables: dict[tuple[int, int], Units] = field(default_factory=dict)

    def get(self, size: int, number: int) -> Units:
        """Return a variable; the second of each size is fixed, both are marked."""
        if (size, number) not in self.variables:
            units = Units(size, "drawn" if number else None, held=bool(number))
            units.mark(mixes=[f"{size}{number}"], soft=[f"{size}{number}"])
            units.mark(unfoldable=[f"{size}{number}"])
            self.variables[size, number] = units
        return self.variables[size, number]

    def axis(self, segments: list[tuple[int, int, int]]) -> Axis:
        return [(self.get(size, number), block) for size, number, block in segments]

    def now(self) -> dict[Label, Entry]:
        """Return which unit each label is by now."""
        return {
            (*key, k): entry
            for key, units in self.variables.items()
            for k, entry in enumerate(entries([(units, 1)]))
        }


def labels(segments: list[tuple[int, int, int]]) -> list[Label]:
    """Return the label of every entry of an axis."""
    return [
        (size, number, k)
        for size, number, block in segments
        for k in range(size)
        for _ in range(block)
    ]


@st.composite
def segments(draw: st.DrawFn, total: int) -> list[tuple[int, int, int]]:
    """Draw an axis of a length, as (size, number, block) of each segment."""
    cuts = draw(st.sets(st.integers(1, total - 1), max_size=3)) if total > 1 else set()
    found = []
    for start, stop in pairwise([0, *sorted(cuts), total]):
        divisors = [d for d in (1, 1, 2, 3) if (stop - start) % d == 0]
        block = draw(st.sampled_from(divisors))
        found.append(((stop - start) // block, draw(st.integers(0, 1)), block))
    return found


@st.composite
def equations(draw: st.DrawFn) -> list[tuple[list, list]]:
    """Draw pairs of axes of equal lengths."""
    totals = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    return [(draw(segments(n)), draw(segments(n))) for n in totals]


def classes(pairs: list[tuple[Label, Label]], of: set[Label]) -> dict[Label, int]:
    """Return the number of the class of each label, by the slowest way there is."""
    number = {label: i for i, label in enumerate(sorted(of))}
    for x, y in pairs:
        low, high = sorted((number[x], number[y]))
        number = {label: low if i == high else i for label, i in number.items()}
    return number


# Laws of unify.


@given(equations())
def test_unified_axes_are_equal_entry_by_entry_or_fixed(
    drawn: list[tuple[list, list]],
) -> None:
    pool = Pool()
    pairs = [(pool.axis(a), pool.axis(b)) for a, b in drawn]
    for a, b in pairs:
        unify(a, b, "op")
    for a, b in pairs:
        fixed = not is_free(a) and not is_free(b)
        assert fixed or resolve(a) == resolve(b)


@given(equations())
def test_nothing_else_becomes_equal_and_every_mark_goes_where_it_belongs(
    drawn: list[tuple[list, list]],
) -> None:
    pool = Pool()
    for a, b in drawn:
        unify(pool.axis(a), pool.axis(b), "op")
    now = pool.now()
    said = [xy for a, b in drawn for xy in zip(labels(a), labels(b), strict=True)]
    number = classes(said, set(now))
    for x, y in combinations(now, 2):
        assert now[x] != now[y] or number[x] == number[y]
    if any(resolve(pool.axis(a)) != resolve(pool.axis(b)) for a, b in drawn):
        return  # Some were fixed instead.
    for x, (units, _) in now.items():
        alike = {f"{y[0]}{y[1]}" for y in now if number[y] == number[x]}
        assert units.mixes == units.soft == units.unfoldable == alike
        # The second variable of each size was fixed, and held by a parameter.
        named_second = any(name.endswith("1") for name in alike)
        assert (units.fixed == "drawn") == units.held == named_second


SPLIT_LATER = [
    ([(1, 0, 1)], [(1, 0, 1)]),
    ([(2, 0, 2)], [(3, 0, 1), (1, 0, 1)]),
    ([(1, 0, 1), (2, 0, 1)], [(2, 0, 1), (1, 0, 1)]),
]


@given(equations())
@example(SPLIT_LATER)
def test_unify_is_symmetric_and_idempotent(drawn: list[tuple[list, list]]) -> None:
    one, other = Pool(), Pool()
    for a, b in drawn:
        unify(one.axis(a), one.axis(b), "op")
        unify(other.axis(b), other.axis(a), "op")
    assert _partition(one) == _partition(other)
    before = _free(one)
    for a, b in drawn:
        unify(one.axis(a), one.axis(b), "again")
    assert _free(one) == before


def _free(pool: Pool) -> dict[Any, Any]:
    """Return where entries lie whose units may change.

    Of fixed ones, the same equations may say more once others have split them.
    """
    return {k: found for k, found in pool.now().items() if found[0].fixed is None}


def _partition(pool: Pool) -> set[tuple[frozenset[Label], bool]]:
    now = pool.now()
    return {
        (frozenset(y for y in now if now[y] == unit), unit[0].fixed is not None)
        for unit in now.values()
    }


@given(equations())
def test_lengths_stay_and_resolving_twice_adds_nothing(
    drawn: list[tuple[list, list]],
) -> None:
    pool = Pool()
    axes = [pool.axis(side) for pair in drawn for side in pair]
    before = [length(axis) for axis in axes]
    for a, b in drawn:
        unify(pool.axis(a), pool.axis(b), "op")
    for axis, size in zip(axes, before, strict=True):
        fine = resolve(axis)
        assert length(axis) == length(fine) == len(entries(axis)) == size
        assert resolve(fine) == fine
        assert roots(axis) == [units for units, _ in fine]


# Laws of part.


@given(st.integers(1, 8).flatmap(segments), st.data())
def test_a_part_is_the_stretch_between_two_places(
    drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    pool = Pool()
    axis = pool.axis(drawn)
    total = length(axis)
    start = data.draw(st.integers(0, total))
    stop = data.draw(st.integers(start, total))
    found = part(axis, start, stop, "op")
    assert length(found) == stop - start
    whole = (start, stop) == (0, total)
    for units in roots(axis):
        assert ("op" in units.soft) is not whole
    if is_free(found):
        assert entries(found) == entries(axis)[start:stop]


@given(st.integers(2, 8).flatmap(segments), st.data())
def test_parts_side_by_side_are_the_whole(
    drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    pool = Pool()
    axis = pool.axis(drawn)
    place = data.draw(st.integers(1, length(axis) - 1))
    both = part(axis, 0, place, "op") + part(axis, place, length(axis), "op")
    cut = entries(axis)[place][0].fixed in ("drawn", "op cuts through a unit")
    assert cut or resolve(both) == resolve(axis)


def test_a_part_inside_a_unit_is_opaque() -> None:
    axis: Axis = [(Units(3), 4)]
    found = part(axis, 4, 6, "op")
    assert [units.fixed for units in roots(axis)] == [None, "op cuts through a unit"]
    assert (length(found), is_free(found)) == (2, False)


# Single steps.


def test_axes_of_different_lengths_are_fixed() -> None:
    a, b = free(3), free(4)
    unify(a, b, "op")
    assert a[0][0].fixed == b[0][0].fixed == "op: lengths differ"


def test_blocks_that_overlap_are_fixed() -> None:
    a, b = [(Units(3), 2)], [(Units(2), 3)]
    unify(a, b, "op")
    assert a[0][0].fixed == b[0][0].fixed == "op: blocks do not fit"


def test_an_axis_is_equal_to_itself() -> None:
    axis = free(3)
    unify(axis, axis, "op")
    unify(axis, list(axis), "op")
    assert axis[0][0].root() is axis[0][0]
    assert is_free(axis)


def test_units_that_are_repeated_cannot_be_in_two_orders() -> None:
    units = Units(2)
    unify([(units, 2)], [(units, 1), (units, 1)], "op")
    assert units.fixed == "op: blocks do not fit"


def test_the_first_reason_stays() -> None:
    axis = opaque(3, "first")
    fix(axis, "second")
    other = free(3)
    unify(other, axis, "op")
    assert other[0][0].root().fixed == "first"


def test_a_mark_reaches_units_that_are_made_of_others_by_now() -> None:
    whole = Units(4)
    whole.split(1)
    few, many = roots([(whole, 1)])
    whole.mark(fixed="late", mixes=["op"])
    assert (few.size, many.size) == (1, 3)
    assert few.fixed == many.fixed == "late"
    assert few.mixes == many.mixes == {"op"}


@pytest.mark.parametrize(
    ("axis", "frees", "holds"),
    [
        (free(2), True, False),
        (free(2, held=True), True, True),
        (opaque(2, "why"), False, False),
        ([(Units(2, "why", held=True), 1)], False, False),
        (opaque(2, "why") + free(1), True, False),
        (opaque(2, "why") + free(1, held=True), True, True),
        # One is held, another is free.
        ([(Units(2, "why", held=True), 1), (Units(2), 1)], True, False),
    ],
)
def test_an_axis_is_free_or_held_if_some_of_its_units_are(
    axis: Axis, frees: bool, holds: bool
) -> None:
    assert is_free(axis) is frees
    assert is_held(axis) is holds


def test_only_what_a_parameter_holds_is_a_layer_of_one_unit() -> None:
    layer, axis = free(1, held=True), free(1)
    fix_held(layer, "op")
    fix_held(axis, "op")
    assert layer[0][0].fixed == "op"
    assert is_free(axis)
