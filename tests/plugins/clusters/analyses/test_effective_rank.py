"""Tests for effective_rank.py."""

import numpy as np
import pytest
from recording.made import make_recording
from sb3_prune_clusters.analyses.effective_rank import (
    EffectiveRank,
    EffectiveRankConfig,
    erank,
    singular_values,
    srank,
)

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import Recording


def test_singular_values_equal_a_decomposition(recording: Recording) -> None:
    for layer in recording.activations:
        expected = np.linalg.svd(recording.steps(layer).astype(float))[1]
        found = singular_values(recording, layer)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("sigma", "delta", "expected"),
    [
        ([1, 0, 0], 0.01, 1),
        ([99, 1, 0], 0.01, 1),
        ([98, 1, 1], 0.01, 2),
        ([1, 1, 1, 1], 0.01, 4),
        ([1, 1, 1, 1], 0.25, 3),
        ([3, 2, 1], 0, 3),
        ([0.1] * 10, 0, 10),
        ([0, 0], 0.01, 0),
    ],
)
def test_srank_by_hand(sigma: list[float], delta: float, expected: int) -> None:
    assert srank(np.array(sigma, dtype=float), delta) == expected


def test_erank_by_hand() -> None:
    assert erank(np.ones(5)) == pytest.approx(5)
    assert erank(np.array([7.0, 0, 0])) == pytest.approx(1)
    assert erank(np.zeros(3)) == 0
    shares = np.array([0.5, 0.25, 0.25])
    assert erank(8 * shares) == pytest.approx(2**1.5)


def test_layers() -> None:
    """Three units of which two speak in turn, and one repeats the first."""
    made = make_recording(a=[[[1, 0, 1], [0, 2**0.5, 0]]])
    found = EffectiveRank().analyze(made).to_dict()["a"]
    assert found == pytest.approx({"srank": 2, "effective rank": 2, "units": 3})


def test_bad_deltas_are_refused() -> None:
    for delta in (-0.1, 1.0):
        with pytest.raises(ConfigError, match=r"\[0, 1\), got"):
            EffectiveRankConfig(delta=delta)
