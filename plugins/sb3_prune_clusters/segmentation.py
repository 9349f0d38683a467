r"""Segmentation: which units of a layer are so similar that they may be merged.

The tree of a layer is searched breadth-first from its root. The segmentation consists
of the first clusters found with

.. math:: D(C) \le \tau \cdot D_{max}

The paper cuts "below" the threshold. Here it is "at most", as otherwise not even single
units (D = 0) would pass at :math:`\tau = 0`. The paper calls :math:`D_{max}` "the
maximum cluster distance", which can be read in three ways: see
:class:`SegmentationConfig`.

Source: Feldotto et al. 2022, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import require_at_least, require_one_of
from sb3_prune_clusters.distances import Array, largest, unit_distances
from sb3_prune_clusters.norms import Matrix
from sb3_prune_clusters.tree import Linkage, Tree, grow

Reading = Literal["layer", "global", "pair"]


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig:
    """How similar the units of a cluster must be.

    A unit is silent if its activation is zero in every step, and active otherwise.

    Raises:
        ConfigError: A value is outside its range.
    """

    tau: float = 0.2
    """Largest D of a cluster, as a share of the reference distance.
    0 merges only silent units: even units that are alike have distances of 1e-8."""
    reading: Reading = "layer"
    """Reference distance of tau.
    layer, global: the largest D of a cluster in the layer, or in all layers;
    pair: the largest distance of two units in the layer."""
    linkage: Linkage = "average"
    """Rule that chooses the next two clusters to merge in the tree."""
    drop_silent: bool = False
    """Remove silent units instead of merging them into one unit."""
    min_units: int = 4
    """Clusters of active units that each layer keeps, if it has that many units."""

    def __post_init__(self) -> None:
        require_one_of("reading", self.reading, get_args(Reading))
        require_one_of("linkage", self.linkage, get_args(Linkage))
        if not 0 <= self.tau <= 1:
            raise ConfigError(f"tau must be in [0, 1], got {self.tau}.")
        require_at_least("min_units", self.min_units)


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """The clusters of one layer; every unit is in one cluster or dropped."""

    clusters: tuple[tuple[int, ...], ...]
    """The old units of each new unit; the silent units are the last cluster."""
    dropped: tuple[int, ...]
    """Silent units that are removed."""
    maxima: Matrix
    """Z, the largest magnitude of each old unit's activation, (units,)."""


def segment(
    activations: Mapping[str, Array], config: SegmentationConfig | None = None
) -> dict[str, Segmentation]:
    """Divide the units of every layer into clusters.

    Args:
        activations: Layer name -> (episodes, steps, units).
        config: How similar the units of a cluster must be.
    """
    config = config or SegmentationConfig()
    maxima = {name: largest(layer) for name, layer in activations.items()}
    trees: dict[str, Tree] = {}
    references: dict[str, float] = {}
    for name, layer in activations.items():
        speaking = np.flatnonzero(maxima[name])
        if len(speaking):
            distances = unit_distances(layer[:, :, speaking])
            trees[name] = grow(distances, speaking, config.linkage)
            pairs = config.reading == "pair"
            own = distances if pairs else trees[name].distances
            references[name] = float(own.max())
    if config.reading == "global":
        references = dict.fromkeys(references, max(references.values(), default=0.0))
    return {
        name: _divide(trees.get(name), references.get(name, 0.0), found, config)
        for name, found in maxima.items()
    }


def cut(tree: Tree, threshold: float, at_least: int = 1) -> list[list[int]]:
    """Return the first clusters from the root whose D is within a threshold.

    Args:
        tree: The tree of a layer.
        threshold: Largest D of a cluster.
        at_least: Smallest number of clusters. While there are fewer, the cluster with
            the largest D is divided.

    Returns:
        The units of each cluster, ascending. Clusters are sorted by their first unit.
    """
    level, nodes = [tree.root], []
    while level:
        nodes += [node for node in level if tree.distances[node] <= threshold]
        wide = [node for node in level if tree.distances[node] > threshold]
        level = [child for node in wide for child in tree.children(node)]
    while len(nodes) < min(at_least, len(tree.units)):
        inner = [node for node in nodes if tree.children(node)]
        loosest = max(inner, key=lambda node: tree.distances[node])
        nodes.remove(loosest)
        nodes += tree.children(loosest)
    return sorted(tree.members(node) for node in nodes)


def _divide(
    tree: Tree | None, reference: float, maxima: Matrix, config: SegmentationConfig
) -> Segmentation:
    threshold = config.tau * reference
    clusters = [] if tree is None else cut(tree, threshold, config.min_units)
    silent = tuple(np.flatnonzero(maxima == 0).tolist())
    # A layer needs at least one unit, even a silent one.
    kept = bool(silent) and not (config.drop_silent and clusters)
    return Segmentation(
        clusters=(*map(tuple, clusters), *((silent,) if kept else ())),
        dropped=() if kept else silent,
        maxima=maxima,
    )
