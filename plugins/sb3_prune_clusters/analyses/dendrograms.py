"""Dendrograms: which units of a layer have similar activations, and in which groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from sb3_prune.analysis import Analysis, Result, layer_labels
from sb3_prune.analysis.figures import shades, tidy
from sb3_prune.exceptions import ConfigError
from sb3_prune.plots.curves import ACCENT, INK
from sb3_prune.recording import Recording
from sb3_prune_clusters.distances import unit_distances
from sb3_prune_clusters.segmentation import cut
from sb3_prune_clusters.tree import Linkage, Tree, grow

TAUS = tuple(i / 20 for i in range(21))
"""Thresholds at which the clusters are counted."""
CLUSTER_COLOURS = ("#3d7ea6", "#e9b44c", "#5f9e6e", "#a05195", "#d1603d")
ABOVE = "#93a3b1"
"""Colour of the merges above the cut."""
COLUMNS = 7
"""Largest number of panels in a row."""


@dataclass(frozen=True, kw_only=True)
class DendrogramsConfig:
    """How the trees grow and where they are cut."""

    tau: float = 0.2
    """Height at which the drawn trees are cut, as a share of the layer's largest D."""
    linkage: Linkage = "average"
    """Rule that chooses the next two clusters to merge."""

    def __post_init__(self) -> None:
        if not 0 <= self.tau <= 1:
            raise ConfigError(f"tau must be in [0, 1], got {self.tau}.")


@dataclass(frozen=True, kw_only=True)
class LayerTree:
    """The tree of a layer's active units, and the number of its silent units.

    A unit is silent if its activation is zero in every step.
    """

    tree: Tree | None
    """Tree of the active units; None if all units are silent."""
    silent: int
    """Number of silent units; the tree leaves them out."""

    def clusters(self, tau: float) -> list[list[int]]:
        """Return the clusters of active units if the tree is cut at tau."""
        if self.tree is None:
            return []
        return cut(self.tree, tau * float(self.tree.distances.max()))

    def to_dict(self) -> Mapping[str, Any]:
        """Return the tree, and the number of clusters at each of :data:`TAUS`."""
        tree = self.tree
        return {
            "silent": self.silent,
            "units": [] if tree is None else tree.units.tolist(),
            "merges": [] if tree is None else tree.merges.tolist(),
            "distances": [] if tree is None else tree.distances.tolist(),
            "clusters": [len(self.clusters(tau)) for tau in TAUS],
        }


@dataclass(frozen=True, kw_only=True)
class DendrogramsResult(Result):
    """The trees of all layers."""

    trees: Mapping[str, LayerTree]
    """Layer name -> tree."""
    tau: float
    """Height at which the drawn trees are cut, as a share of the largest D."""
    title: str = "Units with similar activations"

    @property
    def figsize(self) -> tuple[float, float]:  # type: ignore[override]
        """Width and height in inches: a panel per layer and one for the counts."""
        rows, columns = self._shape()
        return max(6.0, 1.75 * columns), 2.6 * rows

    def _shape(self) -> tuple[int, int]:
        panels = len(self.trees) + 1
        return -(-panels // COLUMNS), min(panels, COLUMNS)

    def to_dict(self) -> Mapping[str, Any]:
        """Return the trees and the number of clusters at each tau, by layer."""
        layers = {name: layer.to_dict() for name, layer in self.trees.items()}
        return {"taus": list(TAUS), "layers": layers}

    def draw(self, figure: FigureBase) -> None:
        """Draw a dendrogram for each layer, and the number of clusters over tau."""
        panels = figure.subplots(*self._shape(), squeeze=False).ravel()
        labels, count = layer_labels(self.trees), len(self.trees)
        for axes, name, colour in zip(panels, self.trees, shades(count), strict=False):
            _dendrogram(axes, self.trees[name], self.tau)
            axes.set_title(labels[name], loc="left", fontsize=9, color=colour)
        tops = [axes.get_ylim()[1] for axes in panels[:count]]
        for axes in panels[:count]:
            axes.set_ylim(0, max(tops))
            if axes is not panels[0]:
                axes.tick_params(labelleft=False)
        panels[0].set_ylabel("D of cluster", fontsize=9)
        _counts(panels[count], self.trees, self.tau)
        for axes in panels[count + 1 :]:
            axes.remove()


class Dendrograms(Analysis):
    r"""Hierarchical clusters of every layer's units, and their number at each cut.

    .. math:: D(C) = \frac{1}{|C| (|C| - 1)} \sum_{i \ne j \in C} d(i, j)

    D(C) is the mean distance between two units of cluster C. The tree is searched
    breadth-first from its root and cut where :math:`D(C) \le \tau \max D`.
    """

    name = "dendrograms"
    reference = "Feldotto et al. 2022, equation (3)"
    Config = DendrogramsConfig
    config: DendrogramsConfig

    def analyze(self, recording: Recording) -> DendrogramsResult:
        """Return the tree of every layer."""
        trees = {name: self._grow(recording, name) for name in recording.activations}
        return DendrogramsResult(trees=trees, tau=self.config.tau)

    def _grow(self, recording: Recording, name: str) -> LayerTree:
        speaking = np.flatnonzero(~recording.silent(name))
        silent = recording.units()[name] - len(speaking)
        if not len(speaking):
            return LayerTree(tree=None, silent=silent)
        found = unit_distances(recording.layer(name))[np.ix_(speaking, speaking)]
        tree = grow(found, speaking, self.config.linkage)
        return LayerTree(tree=tree, silent=silent)


def heights(tree: Tree) -> NDArray[np.float64]:
    """Return the height of each node, (nodes,): the smallest D from the root to it.

    D of a cluster may be smaller than D of a part of it. A cut takes the first cluster
    whose D is small enough, with all its parts. With these heights, these are exactly
    the brackets below the line of the cut.
    """
    found = tree.distances.copy()
    for node in range(len(found) - 1, len(tree.units) - 1, -1):
        for child in tree.children(node):
            found[child] = min(found[child], found[node])
    return found


def branches(tree: Tree) -> list[list[tuple[float, float]]]:
    """Return the four corners of each merge's bracket: x from 0 to 1, y from `heights`.

    SciPy's ``dendrogram`` is not used: it is recursive and exceeds Python's recursion
    limit in wide layers.
    """
    count = len(tree.units)
    x, y = np.zeros(len(tree.sizes)), heights(tree)
    todo, order = [tree.root], 0
    while todo:
        node = todo.pop()
        todo += reversed(tree.children(node))
        if node < count:
            x[node] = (order + 0.5) / count
            order += 1
    found = []
    for node, (a, b) in enumerate(tree.merges.tolist(), count):
        x[node] = (x[a] + x[b]) / 2
        corners = [(x[a], y[a]), (x[a], y[node]), (x[b], y[node]), (x[b], y[b])]
        found.append([(float(s), float(t)) for s, t in corners])
    return found


def colours(tree: Tree, threshold: float) -> list[str]:
    """Return the colour of each merge: its cluster's colour, or grey above the cut."""
    found = [ABOVE] * len(tree.merges)
    todo: list[tuple[int, str | None]] = [(tree.root, None)]
    clusters = 0
    while todo:
        node, colour = todo.pop()
        children = tree.children(node)
        if colour is None and children and tree.distances[node] <= threshold:
            colour = CLUSTER_COLOURS[clusters % len(CLUSTER_COLOURS)]
            clusters += 1
        if children and colour is not None:
            found[node - len(tree.units)] = colour
        todo += [(child, colour) for child in reversed(children)]
    return found


def _dendrogram(axes: Axes, layer: LayerTree, tau: float) -> None:
    tree, clusters = layer.tree, len(layer.clusters(tau))
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    tidy(axes)
    if tree is None:
        axes.set_xlabel(f"{layer.silent} silent", fontsize=8, color=INK)
        return
    top = float(tree.distances.max())
    width = min(1.0, max(0.4, 45 / len(tree.units)))
    shown = colours(tree, tau * top)
    axes.add_collection(LineCollection(branches(tree), colors=shown, linewidths=width))
    axes.axhline(tau * top, color=ACCENT, linewidth=1, linestyle="--")
    axes.set_ylim(0, 1.05 * top or 1)
    silent = f", {layer.silent} silent" if layer.silent else ""
    text = f"{len(tree.units)} units → {clusters}{silent}"
    axes.set_xlabel(text, fontsize=8, color=INK)


def _counts(axes: Axes, trees: Mapping[str, LayerTree], tau: float) -> None:
    for layer, colour in zip(trees.values(), shades(len(trees)), strict=True):
        left = [len(layer.clusters(t)) for t in TAUS]
        axes.plot(TAUS, left, color=colour, linewidth=1.5)
    axes.axvline(tau, color=ACCENT, linewidth=1, linestyle="--")
    axes.set_title("clusters left", loc="left", fontsize=9, color=INK)
    axes.set_xlabel("τ", fontsize=9, color=INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    tidy(axes)
