"""Segmentations: the first clusters from the root that are tight enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_prune_clusters.distances import Array, unit_distances
from sb3_prune_clusters.segmentation import (
    Reading,
    Segmentation,
    SegmentationConfig,
    cut,
    segment,
)
from sb3_prune_clusters.tree import Tree, grow
from scipy.spatial.distance import pdist, squareform

from sb3_prune.exceptions import ConfigError

LINE = np.array([0.0, 1.0, 10.0, 11.0, 11.5, 40.0])
DRAW = np.random.default_rng(0).random


def tree_of(points: np.ndarray) -> Tree:
    return grow(squareform(pdist(points.reshape(len(points), -1))))


def record(*units: int) -> dict[str, Array]:
    return {
        str(k): DRAW((6, 5, count), dtype=np.float32) for k, count in enumerate(units)
    }


def only(layer: Array, **options: object) -> Segmentation:
    return segment({"": layer}, SegmentationConfig(**options))[""]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0, [[0], [1], [2], [3], [4], [5]]),
        (0.5, [[0], [1], [2], [3, 4], [5]]),
        (1, [[0, 1], [2, 3, 4], [5]]),  # D of the three: (1 + 1.5 + 0.5) / 3
        (10, [[0, 1, 2, 3, 4], [5]]),
        (1000, [[0, 1, 2, 3, 4, 5]]),
    ],
)
def test_cuts_of_points_on_a_line(threshold: float, expected: list[list[int]]) -> None:
    assert cut(tree_of(LINE), threshold) == expected


def test_too_few_clusters_are_divided_loosest_first() -> None:
    assert cut(tree_of(LINE), 1000, at_least=2) == [[0, 1, 2, 3, 4], [5]]
    assert cut(tree_of(LINE), 1000, at_least=3) == [[0, 1], [2, 3, 4], [5]]
    assert len(cut(tree_of(LINE), 1000, at_least=99)) == len(LINE)


@given(st.integers(1, 15), st.integers(0, 1000), st.floats(0, 1), st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_laws_of_a_cut(count: int, seed: int, share: float, least: int) -> None:
    tree = tree_of(np.random.default_rng(seed).random((count, 2)))
    top = float(tree.distances.max())
    clusters = cut(tree, share * top, least)
    assert sorted(k for cluster in clusters for k in cluster) == list(range(count))
    assert len(clusters) >= min(least, count)
    by_members = {
        tuple(tree.members(n)): tree.distances[n] for n in range(tree.root + 1)
    }
    assert all(by_members[tuple(c)] <= share * top for c in clusters)
    coarser = cut(tree, min(1.0, 1.5 * share) * top, least)
    assert len(coarser) <= len(clusters)


def test_tau_zero_merges_only_silent_units() -> None:
    layer = DRAW((6, 5, 7), dtype=np.float32)
    layer[:, :, [1, 4]] = 0
    assert only(layer, tau=0.0).clusters == ((0,), (2,), (3,), (5,), (6,), (1, 4))
    found = only(layer, tau=0.0, drop_silent=True)
    assert found.clusters == ((0,), (2,), (3,), (5,), (6,))
    assert found.dropped == (1, 4)


def test_a_layer_that_says_nothing_keeps_a_unit() -> None:
    for drop in (True, False):
        found = only(np.zeros((2, 3, 4), np.float32), drop_silent=drop)
        assert found.clusters == ((0, 1, 2, 3),)
        assert found.dropped == ()


def test_a_single_unit_stays() -> None:
    assert only(np.ones((2, 3, 1), np.float32)).clusters == ((0,),)


@pytest.mark.parametrize("reading", ["layer", "global", "pair"])
def test_readings_of_the_reference(reading: Reading) -> None:
    layers = record(12, 9)
    layers["1"] = layers["1"] * 0.1 + 1  # alike, so that its own reference is small
    trees = {name: grow(unit_distances(layer)) for name, layer in layers.items()}
    tops = {name: float(tree.distances.max()) for name, tree in trees.items()}
    widest = {
        name: float(unit_distances(layer).max()) for name, layer in layers.items()
    }
    references = {
        "layer": tops,
        "global": dict.fromkeys(tops, max(tops.values())),
        "pair": widest,
    }[reading]
    config = SegmentationConfig(tau=0.7, reading=reading, min_units=1)
    for name, found in segment(layers, config).items():
        expected = cut(trees[name], 0.7 * references[name])
        assert list(map(list, found.clusters)) == expected


def test_at_least_min_units_speak() -> None:
    layer = DRAW((6, 5, 9), dtype=np.float32)
    layer[:, :, 0] = 0
    assert len(only(layer, tau=1.0, min_units=3).clusters) == 3 + 1
    assert len(only(layer, tau=1.0, min_units=3, drop_silent=True).clusters) == 3
    assert len(only(layer, tau=1.0, min_units=50, drop_silent=True).clusters) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 1.1}, r"tau must be in \[0, 1\], got 1.1"),
        ({"tau": float("nan")}, r"tau must be in \[0, 1\], got nan"),
        ({"min_units": 0}, "min_units must be at least 1, got 0"),
        ({"reading": "all"}, "reading must be one of global, layer, pair; got 'all'"),
        ({"linkage": "ward"}, "linkage must be one of average, min-mean; got 'ward'"),
    ],
)
def test_options_out_of_range_are_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        SegmentationConfig(**options)  # type: ignore[arg-type]
