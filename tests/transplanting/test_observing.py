"""Tests for transplanting/observing.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.entries import Kind, Part
from sb3_prune.transplanting.observing import ObservationMap, require_kinds
from transplanting.looks import image, numbers


def part(space: spaces.Space[Any], key: str = "", start: int = 0) -> Part:
    choices = isinstance(space, spaces.Discrete | spaces.MultiDiscrete)
    kind: Kind = "choices" if choices else "vector"
    count = spaces.flatdim(space)
    if len(space.shape or ()) == 3:
        assert space.shape is not None
        kind, count = "image", space.shape[0]
    return Part(key=key, space=space, kind=kind, start=start, count=count)


def single(old: Any, new: Any, sources: Any, **shifts: Any) -> ObservationMap:
    return ObservationMap(
        old=(part(old),), new=(part(new),), sources=tuple(sources), **shifts
    )


@given(st.permutations(range(6)), st.integers(1, 4))
@settings(deadline=None, max_examples=25)
def test_permuted_entries_come_back(order: list[int], batch: int) -> None:
    values = np.random.default_rng(0).normal(size=(batch, 2, 3))
    there = single(numbers(2, 3), numbers(6), order)
    back = single(numbers(6), numbers(2, 3), [order.index(i) for i in range(6)])
    moved = there.mapped(values, np.zeros((batch, 6)))
    assert np.array_equal(moved, values.reshape(batch, 6)[:, order])
    assert np.array_equal(back.mapped(moved, np.zeros_like(values)), values)
    assert there.inverse() == back


def test_carried_entries_come_with_their_old_parts() -> None:
    old = part(numbers(2), "a"), part(numbers(3), "b", 2)
    new = part(numbers(2), "c"), part(numbers(2), "d", 2)
    found = ObservationMap(old=old, new=new, sources=(4, None, 1, 2))
    assert list(found.carried(new[0])) == [(0, old[1], 2)]
    assert list(found.carried(new[1])) == [(0, old[0], 1), (1, old[1], 0)]


def test_entries_that_are_new_stay_as_they_are() -> None:
    found = single(numbers(2), numbers(3), [1, None, 0])
    assert found.asks_for_more and not found.is_same
    moved = found.mapped(np.array([[1.0, 2.0]]), np.full((1, 3), 9.0))
    assert moved.tolist() == [[2, 9, 1]]


def test_images_lie_where_they_are_moved() -> None:
    shifts = {"": (1, -1)}
    found = single(image(1, 3, 3), image(2, 5, 2), [None, 0], shifts=shifts)
    old = np.arange(9).reshape(1, 1, 3, 3)
    moved = found.mapped(old, np.full((1, 2, 5, 2), -1))
    assert (moved[0, 0] == -1).all()
    expected = [[-1, -1], [1, 2], [4, 5], [7, 8], [-1, -1]]
    assert moved[0, 1].tolist() == expected
    assert found.asks_for_more
    again = found.inverse().mapped(moved, np.full_like(old, -1))
    assert again[0, 0].tolist() == [[-1, 1, 2], [-1, 4, 5], [-1, 7, 8]]
    cut = single(image(1, 3, 3), image(1, 2, 2), [0], shifts={"": (-1, 0)})
    assert not cut.asks_for_more and not cut.is_same
    assert cut.mapped(old, np.zeros((1, 1, 2, 2))).tolist() == [[[[3, 4], [6, 7]]]]


@pytest.mark.parametrize("shape", [(4,), (2, 2), (2, 2, 1)])
def test_choices_are_renamed_in_any_batch(shape: tuple[int, ...]) -> None:
    """Buffers keep a choice on an axis of its own."""
    found = single(spaces.Discrete(3), spaces.Discrete(4), [2, None, 0, 1])
    values = np.array([0, 1, 2, 0]).reshape(shape)
    moved = found.mapped(values, np.zeros(shape, int))
    assert moved.ravel().tolist() == [2, 3, 0, 2]
    assert not found.loses_choices
    assert single(spaces.Discrete(3), spaces.Discrete(2), [0, 2]).loses_choices


def test_a_branch_keeps_its_choices_elsewhere() -> None:
    old, new = spaces.MultiDiscrete([2, 3]), spaces.MultiDiscrete([3, 2, 2])
    found = single(old, new, [4, 2, 3, 1, 0, None, None])
    values = np.array([[0, 0], [1, 1], [0, 2]])
    moved = found.mapped(values, np.zeros((3, 3), int))
    assert moved.tolist() == [[1, 1, 0], [2, 0, 0], [0, 1, 0]]


def test_keys_that_are_missing_are_left_alone() -> None:
    old = (part(numbers(2), "a"), part(numbers(1), "b", 2))
    new = (part(numbers(3), "c"),)
    found = ObservationMap(old=old, new=new, sources=(2, 0, None))
    moved = found.mapped({"a": np.array([[1.0, 2.0]])}, {"c": np.full((1, 3), 9.0)})
    assert moved["c"].tolist() == [[9, 1, 9]]
    assert found.is_alone("x.extractors.a.cnn.0") and found.is_alone("extractors.c.0")
    assert found.is_alone("x.extractors.a")
    assert not found.is_alone("x.extractors.d.cnn.0")


def test_what_occurs_twice() -> None:
    number = single(numbers(2), numbers(3), [0, 1, 1])
    choice = single(spaces.Discrete(2), spaces.Discrete(3), [0, 1, 1])
    assert number.counts_twice and not number.repeats_choices
    assert choice.repeats_choices and not choice.counts_twice


def test_an_image_that_is_cut_goes_on_backwards() -> None:
    cut = single(image(1, 3, 3), image(1, 2, 3), [0], shifts={"": (0, 0)})
    assert not cut.goes_on(cut.new[0])
    back = cut.inverse()
    assert back.goes_on(back.new[0])


def test_the_same_is_the_same() -> None:
    assert single(numbers(2, 3), numbers(2, 3), range(6)).is_same
    assert not single(numbers(2, 3), numbers(6), range(6)).is_same
    assert not single(numbers(3), numbers(3), [0, 2, 1]).is_same
    one, other = spaces.MultiDiscrete([2, 3]), spaces.MultiDiscrete([3, 2])
    assert not single(one, other, range(5)).is_same


def test_numbers_do_not_become_choices() -> None:
    found = single(numbers(3), spaces.Discrete(3), [0, 1, 2])
    with pytest.raises(TransplantError, match=r"vector, 3 .* cannot become .*choices"):
        require_kinds(found)
