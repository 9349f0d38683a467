"""Trees against eq. (3) and against a slow agglomeration."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_prune_clusters.norms import Matrix
from sb3_prune_clusters.tree import Linkage, Tree, grow
from scipy.cluster.hierarchy import dendrogram, is_valid_linkage
from scipy.spatial.distance import pdist, squareform

from sb3_prune.exceptions import ConfigError

LINKAGES: list[Linkage] = ["average", "min-mean"]
sizes, seeds = st.integers(1, 12), st.integers(0, 1000)


def draw(count: int, seed: int) -> Matrix:
    points = np.random.default_rng(seed).random((count, 3))
    found: Matrix = squareform(pdist(points))
    return found if count > 1 else np.zeros((1, 1))


def mean_distance(distances: Matrix, members: list[int]) -> float:
    """Eq. (3), pair by pair."""
    pairs = [distances[i, j] for i in members for j in members if i != j]
    return sum(pairs) / len(pairs) if pairs else 0.0


def slow_tree(distances: Matrix, linkage: Linkage) -> list[set[int]]:
    """Return the clusters merged, in order."""

    def cost(a: set[int], b: set[int]) -> float:
        if linkage == "min-mean":
            return mean_distance(distances, sorted(a | b))
        return float(np.mean([distances[i, j] for i in a for j in b]))

    clusters, found = [{i} for i in range(len(distances))], []
    while len(clusters) > 1:
        a, b = min(combinations(clusters, 2), key=lambda pair: cost(*pair))
        clusters = [c for c in clusters if c not in (a, b)] + [a | b]
        found.append(a | b)
    return found


@pytest.mark.parametrize("linkage", LINKAGES)
@given(count=sizes, seed=seeds)
@settings(max_examples=30, deadline=None)
def test_merges_what_the_definition_merges(
    linkage: Linkage, count: int, seed: int
) -> None:
    distances = draw(count, seed)
    tree = grow(distances, linkage=linkage)
    inner = range(count, 2 * count - 1)
    assert [set(tree.members(node)) for node in inner] == slow_tree(distances, linkage)


@pytest.mark.parametrize("linkage", LINKAGES)
@given(count=sizes, seed=seeds)
@settings(max_examples=30, deadline=None)
def test_every_node_has_its_own_mean_distance(
    linkage: Linkage, count: int, seed: int
) -> None:
    distances = draw(count, seed)
    tree = grow(distances, linkage=linkage)
    assert tree.members(tree.root) == list(range(count))
    for node in range(tree.root + 1):
        members = tree.members(node)
        assert tree.sizes[node] == len(members)
        assert tree.distances[node] == pytest.approx(mean_distance(distances, members))
        if node >= count:
            left, right = map(tree.members, tree.children(node))
            assert sorted(left + right) == members


def test_a_case_by_hand() -> None:
    # On a line at 0, 1 and 4: D of the pair is 1, of all three (1 + 4 + 3) / 3.
    distances = np.array([[0, 1, 4], [1, 0, 3], [4, 3, 0.0]])
    tree = grow(distances, np.array([7, 8, 9]))
    assert tree.merges.tolist() == [[0, 1], [2, 3]]
    assert tree.distances.tolist() == pytest.approx([0, 0, 0, 1, 8 / 3])
    assert tree.members(3) == [7, 8]
    assert tree.children(2) == ()


def test_the_linkages_differ() -> None:
    """Average prefers the near pair of clusters, min-mean the tight union."""
    trees = [
        grow(draw(12, seed), linkage=name) for seed in range(20) for name in LINKAGES
    ]
    pairs = zip(trees[::2], trees[1::2], strict=True)
    assert any(a.merges.tolist() != b.merges.tolist() for a, b in pairs)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_scipy_draws_it(linkage: Linkage) -> None:
    tree: Tree = grow(draw(10, 3), linkage=linkage)
    matrix = np.column_stack([tree.merges, tree.distances[10:], tree.sizes[10:]])
    assert is_valid_linkage(matrix)
    assert sorted(dendrogram(matrix, no_plot=True)["leaves"]) == list(range(10))


def test_mistakes_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        grow(np.zeros((0, 0)))
    with pytest.raises(ConfigError, match=r"between 2 units.*\(3, 3\)"):
        grow(np.zeros((3, 3)), np.array([0, 1]))
    with pytest.raises(ConfigError, match="linkage must be one of average, min-mean"):
        grow(np.zeros((3, 3)), linkage="ward")  # type: ignore[arg-type]
