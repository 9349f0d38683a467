r"""Trees: hierarchical clustering of the units of one layer.

The distance D of a cluster C is the mean distance over its ordered pairs of units:

.. math:: D(C) = \frac{1}{|C| (|C| - 1)} \sum_{i \in C} \sum_{j \in C \setminus i}
          d(i, j), \quad D(\{i\}) = 0.

The paper forms "groups that minimise D" and leaves open how. There are two linkages:

* ``average`` merges the two clusters with the smallest mean distance between them
  (UPGMA). D of each node is computed afterwards.
* ``min-mean`` merges the two clusters whose union has the smallest D.

Source: Feldotto et al. 2022, equation (3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.spatial.distance import squareform

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import require_one_of
from sb3_prune_clusters.norms import Matrix

Linkage = Literal["average", "min-mean"]


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A binary tree of the units of one layer.

    Nodes 0 to n - 1 are the leaves, one per unit. Node n + k is the k-th merge, and the
    last node is the root. A tree with one leaf has no merges: its root is the leaf.
    """

    units: NDArray[np.int64]
    """Index of each leaf's unit in its layer, (n,)."""
    merges: NDArray[np.int64]
    """The two nodes of each merge, (n - 1, 2)."""
    distances: Matrix
    """D of each node, zero for leaves, (2 n - 1,)."""
    sizes: NDArray[np.int64]
    """Number of leaves below each node, (2 n - 1,)."""

    @property
    def root(self) -> int:
        """The node that holds all leaves."""
        return len(self.sizes) - 1

    def children(self, node: int) -> tuple[int, ...]:
        """Return the two nodes that a node was merged from; a leaf has none."""
        merge = node - len(self.units)
        return () if merge < 0 else tuple(self.merges[merge].tolist())

    def members(self, node: int) -> list[int]:
        """Return the units of a node, ascending."""
        todo, found = [node], []
        while todo:
            now = todo.pop()
            todo += self.children(now)
            if now < len(self.units):
                found.append(int(self.units[now]))
        return sorted(found)


def grow(
    distances: Matrix,
    units: NDArray[np.int64] | None = None,
    linkage: Linkage = "average",
) -> Tree:
    """Cluster the units of a layer.

    Leave silent units out: their distances to each other are zero, so their cluster
    would keep a small D and pull in units that are nearly silent.

    Args:
        distances: Symmetric distances (n, n) with a zero diagonal.
        units: Index of each row's unit in its layer, (n,); 0 to n - 1 by default.
        linkage: Rule that chooses the next two clusters to merge.

    Raises:
        ConfigError: There is no unit, the distances have the wrong shape, or the
            linkage does not exist.
    """
    require_one_of("linkage", linkage, get_args(Linkage))
    units = np.arange(len(distances)) if units is None else np.asarray(units)
    if not len(units) or distances.shape != (len(units), len(units)):
        raise ConfigError(
            f"Expected distances between {len(units)} units, at least one; got shape "
            f"{distances.shape}."
        )
    merges, sums = _LINKAGES[linkage](distances)
    sizes = np.ones(2 * len(units) - 1, dtype=np.int64)
    inner = np.zeros(len(sizes))
    for node, (pair, between) in enumerate(zip(merges, sums, strict=True), len(units)):
        sizes[node] = sizes[pair].sum()
        inner[node] = inner[pair].sum() + 2 * between
    mean = inner / np.maximum(sizes * (sizes - 1), 1)
    return Tree(units=units, merges=merges, distances=mean, sizes=sizes)


Merges = tuple[NDArray[np.int64], Matrix]
"""Merges (n - 1, 2), and the sum of the distances between their two sides, (n - 1,)."""


def _average(distances: Matrix) -> Merges:
    if len(distances) == 1:
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    found: Any = scipy_linkage(squareform(distances, checks=False), "average")
    merges = found[:, :2].astype(np.int64)
    sizes = np.append(np.ones(len(distances)), found[:, 3])
    return merges, found[:, 2] * sizes[merges].prod(axis=1)


def _min_mean(distances: Matrix) -> Merges:
    r"""Merge the two clusters whose union has the smallest D, in O(n^2) per merge.

    .. math:: D(A \cup B) = \frac{I_A + I_B + 2 S_{AB}}{(|A| + |B|) (|A| + |B| - 1)}

    :math:`S_{AB}` is the sum of the distances between clusters A and B, :math:`I_A` the
    sum over the ordered pairs inside A. Both are updated at each merge, so D is never
    summed anew.
    """
    count = len(distances)
    between = distances.astype(np.float64)
    inner, sizes = np.zeros(count), np.ones(count)
    names, alive = np.arange(count), np.arange(count)
    merges, sums = np.empty((count - 1, 2), dtype=np.int64), np.empty(count - 1)
    for k in range(count - 1):
        a, b = _closest(between[np.ix_(alive, alive)], inner[alive], sizes[alive])
        a, b = alive[a], alive[b]
        merges[k], sums[k] = sorted((names[a], names[b])), between[a, b]
        inner[a] += inner[b] + 2 * between[a, b]
        sizes[a] += sizes[b]
        names[a] = count + k
        alive = alive[alive != b]
        between[a] += between[b]
        between[:, a] = between[a]
    return merges, sums


def _closest(between: Matrix, inner: Matrix, sizes: Matrix) -> tuple[int, int]:
    """Return the pair of clusters whose union has the smallest D."""
    together = sizes[:, None] + sizes
    means = (inner[:, None] + inner + 2 * between) / (together * (together - 1))
    np.fill_diagonal(means, np.inf)
    a, b = np.unravel_index(means.argmin(), means.shape)
    return int(a), int(b)


_LINKAGES = {"average": _average, "min-mean": _min_mean}
