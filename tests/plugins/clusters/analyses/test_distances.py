"""Tests for distances.py."""

import numpy as np
import pytest
from recording.made import make_recording
from sb3_prune_clusters.analyses.distances import (
    ALL,
    Distances,
    DistancesConfig,
    density,
)
from scipy.stats import gaussian_kde

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import Recording


def slow_distances(recording: Recording, units: list[tuple[str, int]]) -> list[float]:
    """Return equation (2) for every pair of units, in order."""
    found = []
    for i, (first, a) in enumerate(units):
        for second, b in units[i + 1 :]:
            total = 0.0
            for e in range(recording.episodes):
                x = recording.activations[first][e, :, a]
                y = recording.activations[second][e, :, b]
                x = x / (recording.maxima(first)[a] or 1)
                y = y / (recording.maxima(second)[b] or 1)
                total += float(np.sqrt(((x - y) ** 2).sum()))
            found.append(total / recording.episodes)
    return found


@pytest.mark.parametrize("include_silent", [False, True])
def test_equal_to_a_slow_computation(
    recording: Recording, include_silent: bool
) -> None:
    config = DistancesConfig(include_silent=include_silent)
    found = Distances(config).analyze(recording).pairs
    units = [
        (layer, k)
        for layer, width in recording.units().items()
        for k in range(width)
        if include_silent or not recording.silent(layer)[k]
    ]
    assert found[ALL] == pytest.approx(slow_distances(recording, units), abs=1e-6)
    for layer in recording.activations:
        inside = [unit for unit in units if unit[0] == layer]
        expected = slow_distances(recording, inside)
        assert found[layer] == pytest.approx(expected, abs=1e-6)


def test_distances_by_hand() -> None:
    """Two episodes of two steps: distances sqrt(2) and 0, mean sqrt(1/2)."""
    made = make_recording(a=[[[2, 0], [0, 5]], [[2, 5], [2, 5]]])
    assert Distances().analyze(made).pairs["a"] == pytest.approx([0.5**0.5])


def test_numbers(recording: Recording) -> None:
    found = Distances().analyze(recording)
    numbers = found.to_dict()
    assert list(numbers["sets"]) == [ALL, "net.0", "net.2"]
    one = numbers["sets"]["net.0"]
    assert one["pairs"] == 10
    assert one["mean"] == pytest.approx(found.pairs["net.0"].mean())
    assert one["percentiles"]["50"] == pytest.approx(np.median(found.pairs["net.0"]))
    assert len(one["density"]) == len(numbers["distance"]) == 200


def test_single_units_have_no_pairs() -> None:
    numbers = Distances().analyze(make_recording(a=[[[1]]])).to_dict()
    assert numbers["sets"]["a"]["pairs"] == 0
    assert numbers["sets"]["a"]["mean"] is None
    assert set(numbers["sets"]["a"]["density"]) == {0.0}


def test_densities_sum_to_one_even_at_the_edge() -> None:
    grid = np.arange(0.05, 10, 0.1)
    rng = np.random.default_rng(0)
    for distances in (np.zeros(9), rng.uniform(0, 10, 99), np.array([9.99])):
        assert density(distances, grid).sum() * 0.1 == pytest.approx(1)


def test_densities_equal_scipy() -> None:
    """With the same kernel, reflected at zero."""
    distances = np.random.default_rng(0).gamma(2, 1, 400)
    grid = (np.arange(2000) + 0.5) * (3 * distances.max() / 2000)
    # SciPy's standard deviation has n - 1 below the root.
    kernel = gaussian_kde(
        distances, 400**-0.2 * distances.std() / distances.std(ddof=1)
    )
    expected = kernel(grid) + kernel(-grid)
    np.testing.assert_allclose(density(distances, grid), expected, atol=2e-3)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2, got 1"):
        DistancesConfig(points=1)


def test_few_pairs_are_shown_one_by_one() -> None:
    made = make_recording(a=[[[2, 0, 1], [0, 5, 1]], [[2, 5, 0], [2, 5, 1]]])
    left, right = Distances().analyze(made).plot().axes
    for axes in (left, right):
        (ticks,) = (line for line in axes.lines if line.get_marker() == "|")
        assert len(ticks.get_xdata()) == 3  # type: ignore[arg-type]
