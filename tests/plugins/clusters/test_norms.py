"""Summed norms: blocks, chunks and shortcuts do not change the sums."""

import numpy as np
import pytest
from sb3_prune_clusters import norms
from sb3_prune_clusters.norms import Array, Matrix, summed_norms


def slow(episodes: Array, scales: Matrix) -> Matrix:
    scaled = episodes * scales
    differences = scaled[:, :, :, None] - scaled[:, :, None, :]
    found: Matrix = np.sqrt((differences**2).sum(axis=1)).sum(axis=0)
    return found


def draw(episodes: int, units: int) -> Array:
    """Return activations where units are silent in episodes and steps come twice."""
    rng = np.random.default_rng(units)
    found = rng.random((episodes, 7, units), dtype=np.float32)
    found *= rng.random((episodes, 1, units)) > 0.4
    found[:, 3:5] = found[:, 1:2]
    return found


@pytest.mark.parametrize("block", [1, 3, 4, 512])
@pytest.mark.parametrize("chunk", [1, 2, 50])
@pytest.mark.parametrize("units", [1, 2, 9])
def test_blocks_and_chunks_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, block: int, chunk: int, units: int
) -> None:
    monkeypatch.setattr(norms, "BLOCK", block)
    monkeypatch.setattr(norms, "CHUNK", chunk)
    episodes, scales = draw(5, units), np.linspace(0.5, 2, units)
    found = summed_norms(iter(episodes), scales)
    np.testing.assert_allclose(found, slow(episodes, scales), rtol=1e-6)
    assert (np.diagonal(found) == 0).all()


def test_units_that_are_silent_throughout_add_the_others_norms() -> None:
    episodes = np.array([[[3, 0], [4, 0]], [[0, 0], [0, 0]]], np.float32)
    assert summed_norms(episodes, np.ones(2)).tolist() == [[0, 5], [5, 0]]


def test_negative_scales_and_activations_have_norms() -> None:
    episodes = np.array([[[3, -3]]], np.float32)
    assert summed_norms(episodes, np.ones(2))[0, 1] == pytest.approx(6)
    assert summed_norms(episodes, np.array([1, -1]))[0, 1] == pytest.approx(0, abs=1e-6)
