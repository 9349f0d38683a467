"""Tests for entropy.py."""

import math

import numpy as np
import pytest
from recording.made import make_recording
from sb3_prune_clusters.analyses.entropy import (
    Entropy,
    EntropyConfig,
    entropy,
    histograms,
    states,
)

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import Recording


def slow_entropy(values: list[int]) -> float:
    shares = [values.count(value) / len(values) for value in set(values)]
    return -sum(p * math.log2(p) for p in shares)


def test_histograms_by_hand() -> None:
    """Bins of width 1 from 0 to 4; a bin holds its lower edge, the last both."""
    made = make_recording([3, 2], a=[[[0], [0.5], [1]], [[3.9], [4], [9]]])
    assert made.lengths.sum() == 5
    assert histograms(made, "a", 4).tolist() == [[2, 1, 0, 2]]


def test_histograms_begin_at_the_minimum_if_that_is_negative() -> None:
    made = make_recording(a=[[[-2, 3], [2, 4], [0, 4]]])
    assert histograms(made, "a", 2).tolist() == [[1, 2], [0, 3]]


def test_states_by_hand() -> None:
    first, second = [[0, 1], [2, 1], [0, 0]], [[0, 1], [5, 5], [5, 5]]
    made = make_recording([3, 1], a=[first, second])
    assert states(made, "a").tolist() == [[1, 3], [3, 1]]


def test_entropies_by_hand() -> None:
    counts = np.array([[4, 0], [2, 2], [1, 3]])
    expected = [0, 1, 2 - 0.75 * math.log2(3)]
    assert entropy(counts) == pytest.approx(expected)
    assert entropy(np.full((1, 8), 5)) == pytest.approx([3])
    assert not np.signbit(entropy(counts)).any()


def test_equal_to_a_slow_computation(recording: Recording) -> None:
    found = Entropy(EntropyConfig(bins=5)).analyze(recording)
    for layer in recording.activations:
        steps, top = recording.steps(layer), recording.maxima(layer)
        for k in range(steps.shape[1]):
            scaled = [float(h) / (float(top[k]) or 1) * 5 for h in steps[:, k]]
            bins = [min(int(h), 4) for h in scaled]
            assert found.histogram[layer][k] == pytest.approx(slow_entropy(bins))
            active = [int(h > 0) for h in steps[:, k]]
            assert found.binary[layer][k] == pytest.approx(slow_entropy(active))


def test_numbers(recording: Recording) -> None:
    found = Entropy().analyze(recording)
    numbers = found.to_dict()
    assert numbers["bins"] == 32
    layer = numbers["binary"]["net.2"]
    assert layer["units"][:2] == [0, 0]
    assert layer["mean"] == pytest.approx(np.mean(layer["units"]))


def test_one_bin_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2, got 1"):
        EntropyConfig(bins=1)
