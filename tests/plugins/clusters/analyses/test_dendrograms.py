"""Tests for dendrograms.py."""

from __future__ import annotations

import numpy as np
import pytest
from recording.made import make_recording
from sb3_prune_clusters.analyses.dendrograms import (
    ABOVE,
    CLUSTER_COLOURS,
    TAUS,
    Dendrograms,
    DendrogramsConfig,
    branches,
    colours,
    heights,
)
from sb3_prune_clusters.distances import unit_distances
from sb3_prune_clusters.tree import Tree, grow
from scipy.cluster.hierarchy import dendrogram

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import Recording


def line_tree() -> Tree:
    """Points at 0, 1, 10 and 12: D is 1, 2, and 23 / 3 at the root."""
    points = np.array([0.0, 1, 10, 12])
    return grow(np.abs(points[:, None] - points))


def test_branches_by_hand() -> None:
    first, second, root = branches(line_tree())
    assert first == [(0.125, 0), (0.125, 1), (0.375, 1), (0.375, 0)]
    assert second == [(0.625, 0), (0.625, 2), (0.875, 2), (0.875, 0)]
    assert root[1][0] == 0.25
    assert root[2] == (0.75, pytest.approx((1 + 2 + 10 + 12 + 9 + 11) / 6))


@pytest.mark.parametrize("linkage", ["average", "min-mean"])
@pytest.mark.parametrize("seed", range(5))
def test_branches_equal_those_of_scipy(linkage: str, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(20, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    tree = grow(distances, linkage=linkage)  # type: ignore[arg-type]
    matrix = np.column_stack([tree.merges, heights(tree)[20:], tree.sizes[20:]])
    expected = dendrogram(matrix, no_plot=True)
    corners = [
        [(x / 200, y) for x, y in zip(*each, strict=True)]
        for each in zip(expected["icoord"], expected["dcoord"], strict=True)
    ]
    found = [sorted(np.round(each, 9).tolist()) for each in (branches(tree), corners)]
    assert found[0] == found[1]


@pytest.mark.parametrize("tau", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_the_line_of_the_cut_divides_the_brackets(tau: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(60, 3))
    tree = grow(np.linalg.norm(points[:, None] - points, axis=2))
    threshold = tau * float(tree.distances.max())
    tops = [bracket[1][1] for bracket in branches(tree)]
    below = [colour != ABOVE for colour in colours(tree, threshold)]
    assert [top <= threshold for top in tops] == below


def test_wide_chains_can_be_drawn() -> None:
    points = np.cumsum(np.arange(1500.0))
    tree = grow(np.abs(points[:, None] - points))
    assert len(branches(tree)) == 1499


def test_colours_are_those_of_clusters() -> None:
    tree = line_tree()
    one, two = CLUSTER_COLOURS[:2]
    assert colours(tree, 100) == [one, one, one]
    assert colours(tree, 2) == [one, two, ABOVE]
    assert colours(tree, 1.5) == [one, ABOVE, ABOVE]
    assert colours(tree, 0) == [ABOVE, ABOVE, ABOVE]


def test_trees_are_of_speaking_units(recording: Recording) -> None:
    found = Dendrograms().analyze(recording)
    layer = found.trees["net.2"]
    assert layer.silent == 2
    assert layer.tree is not None
    assert layer.tree.units.tolist() == [2, 3]
    pair = unit_distances(recording.activations["net.2"])[2, 3]
    assert layer.tree.distances.tolist() == pytest.approx([0, 0, pair])
    assert found.to_dict()["layers"]["net.2"]["merges"] == [[0, 1]]


def test_clusters_become_fewer() -> None:
    """Two alike, one apart: three clusters, then two, then one."""
    made = make_recording(a=[[[9, 9, 0, 0], [0, 1, 0, 5]]])
    found = Dendrograms().analyze(made)
    numbers = found.to_dict()
    left = dict(zip(numbers["taus"], numbers["layers"]["a"]["clusters"], strict=True))
    assert (left[0.0], left[0.5], left[1.0]) == (3, 2, 1)
    assert found.trees["a"].clusters(0.5) == [[0, 1], [3]]
    assert numbers["layers"]["a"]["silent"] == 1
    assert len(TAUS) == 21
    text = found.plot().axes[0].get_xlabel()
    assert text == "3 units → 2, 1 silent"


def test_clusters_equal_the_definition(recording: Recording) -> None:
    """D of every cluster is at most the threshold, that of its parent is not."""
    layer = Dendrograms().analyze(recording).trees["net.0"]
    distances = unit_distances(recording.activations["net.0"])
    assert layer.tree is not None
    for tau in TAUS:
        clusters = layer.clusters(tau)
        assert sorted(k for units in clusters for k in units) == [0, 1, 3, 4, 5]
        for units in clusters:
            inside = distances[np.ix_(units, units)].sum()
            mean = inside / max(len(units) * (len(units) - 1), 1)
            assert mean <= tau * layer.tree.distances.max() + 1e-9


def test_many_layers_take_more_rows() -> None:
    layers = {f"net.{i}": np.random.default_rng(i).random((2, 3, 3)) for i in range(9)}
    result = Dendrograms().analyze(make_recording(**layers))
    assert result.figsize == (7 * 1.75, 2 * 2.6)
    assert len(result.plot().axes) == 10


def test_bad_taus_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[0, 1\], got 1.5"):
        DendrogramsConfig(tau=1.5)
