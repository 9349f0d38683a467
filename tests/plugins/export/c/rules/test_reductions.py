"""Tests for sb3_prune_export/c/rules/reductions.py."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from sb3_prune.exceptions import ExportError

from .. import running

FOLDS: list[Any] = [
    lambda x: x.sum(1), lambda x: x.mean((1, 2)), lambda x: x.amax(2),
    lambda x: x.sum(), lambda x: x.amin((0, 1), keepdim=True), lambda x: x.prod(1),
    lambda x: x.max(),
    lambda x: x.max(1)[0], lambda x: x.min(2)[1], lambda x: x.argmax(1),
    lambda x: x.transpose(1, 2).argmin(1), lambda x: (x > 0).any(1),
    lambda x: (x > 0).all(2), lambda x: x.logsumexp(1), lambda x: x.std(1),
]  # fmt: skip


def test_folds_agree_with_torch() -> None:
    def joined(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([fold(x).float().flatten() for fold in FOLDS]).unsqueeze(0)

    assert running.difference(joined, torch.randn(1, 3, 4)) < 1e-5


@pytest.mark.parametrize("row", [[1, 3, 3, 2], [1, math.nan, 5], [-math.inf] * 2])
def test_the_first_largest_number_wins_and_nan_before_all(row: list[float]) -> None:
    assert running.difference(lambda x: x.argmax(1), torch.tensor([row])) == 0
    assert running.difference(lambda x: x.amax(1), torch.tensor([row])) == 0


def test_the_place_in_a_table_is_refused() -> None:
    with pytest.raises(ExportError, match="place in a table"):
        running.written(lambda x: x.argmax(), torch.zeros(1, 2, 3))


def test_one_choice_is_the_first() -> None:
    assert running.difference(lambda x: x.argmax(1), torch.tensor([[2.0]])) == 0
