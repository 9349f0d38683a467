"""Tests for surgery/flow/rules/table.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sb3_prune.surgery.flow.names import FACTORIES, SILENT, called, pointwise
from sb3_prune.surgery.flow.rules.table import RULES, place, places, rule


def test_a_rule_is_registered_by_each_of_its_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("one_name", "other_name"):
        monkeypatch.setitem(RULES, name, print)

    @rule("one_name", "other_name")
    def apply(*_: Any) -> None:
        """Do nothing."""

    assert RULES["one_name"] is RULES["other_name"] is apply


def test_every_rule_goes_by_a_name_that_torch_calls_give() -> None:
    known = {called(getattr(space, n)) for space in SPACES for n in dir(space)}
    assert RULES.keys() - known == set()


SPACES = [torch, torch.Tensor, torch.nn.functional, torch._VF, torch.linalg]


def test_no_operation_has_two_explanations() -> None:
    assert not RULES.keys() & (SILENT | FACTORIES)
    assert {"max", "min"} <= RULES.keys() - pointwise()


@given(st.integers(1, 5), st.data())
def test_places_count_from_the_front(ndim: int, data: st.DataObject) -> None:
    tensor = torch.zeros((1,) * ndim)
    axes = data.draw(st.lists(st.integers(-ndim, ndim - 1), min_size=1))
    assert [place(tensor, a) for a in axes] == [range(ndim)[a] for a in axes]
    assert places(tensor, axes) == places(tensor, tuple(axes))
    assert places(tensor, axes[0]) == [range(ndim)[axes[0]]]


def test_a_scalar_has_one_place() -> None:
    assert place(torch.zeros(()), -1) == 0
