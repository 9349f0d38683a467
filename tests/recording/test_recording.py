"""Tests for recording.py."""

import numpy as np
import pytest

from recording.made import make_recording, random_recording
from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.recording import Recording


def small() -> Recording:
    """Two episodes of two steps and one; the last unit is silent."""
    first = [[[1, -4, 0], [3, 2, 0]], [[2, 0, 0], [9, 9, 9]]]
    return make_recording([2, 1], first=first)


def test_maxima_are_the_largest_absolute_activations() -> None:
    assert small().maxima("first").tolist() == [3, 4, 0]


def test_silent_units_are_always_zero() -> None:
    assert small().silent("first").tolist() == [False, False, True]


def test_steps_leave_out_what_is_after_the_end() -> None:
    recording = small()
    assert recording.valid().tolist() == [[True, True], [True, False]]
    assert recording.steps("first").tolist() == [[1, -4, 0], [3, 2, 0], [2, 0, 0]]
    parts = list(recording.by_episode("first"))
    assert [len(part) for part in parts] == [2, 1]
    assert np.array_equal(np.concatenate(parts), recording.steps("first"))


def test_sizes() -> None:
    assert random_recording().units() == {"net.0": 6, "net.2": 4}
    assert random_recording().episodes == 5


def test_unknown_layers_are_named() -> None:
    with pytest.raises(UnknownNameError, match=r"'fist'.*'first'"):
        small().maxima("fist")


def test_arrays_must_fit() -> None:
    arrays = vars(random_recording())
    with pytest.raises(ConfigError, match=r"\(5, 7\).* these do not: observations\."):
        Recording(**{**arrays, "observations": np.zeros((4, 7, 1), np.float32)})
    with pytest.raises(ConfigError, match=r"these do not: lengths\."):
        Recording(**{**arrays, "lengths": np.ones(3, int)})
