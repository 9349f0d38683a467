"""Tests for recording/observations.py."""

from __future__ import annotations

import numpy as np
import torch

from sb3_prune.recording.observations import count_observations, joined, mapped


def test_observations_are_counted_along_their_first_axis() -> None:
    assert count_observations(torch.zeros(3, 2)) == 3
    assert count_observations({"a": np.zeros((4, 2)), "b": np.zeros((4, 1))}) == 4
    assert count_observations(np.zeros((0, 2))) == 0


def test_a_function_gets_an_array_or_that_of_each_key() -> None:
    assert mapped(len, np.zeros((3, 2))) == 3
    assert mapped(len, {"a": np.zeros(3), "b": np.zeros(4)}) == {"a": 3, "b": 4}


def test_batches_are_joined_in_their_order() -> None:
    parts = [np.full((2, 1), number) for number in range(3)]
    assert joined(parts)[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    keyed = joined([{"a": part, "b": -part} for part in parts])
    assert keyed["a"].tolist() == joined(parts).tolist()
    assert keyed["b"].tolist() == (-joined(parts)).tolist()
