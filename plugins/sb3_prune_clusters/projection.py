r"""Projection: a map from one agent's hidden units to another agent's hidden units.

With source activations b and target activations a on the same input, the prediction is
:math:`\hat a^T = b^T P`. The map :math:`\bar P` is fitted to normalised activations,
divided by their maxima :math:`\beta_k` and :math:`\alpha_m`, so that all units weigh
the same. Undoing the normalisation gives :math:`P_{km} = \alpha_m / \beta_k \, \bar
P_{km}`. Silent units, whose maximum is 0, have no projection.

Source: Feldotto et al. 2022, section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sb3_prune_clusters.metrics import (
    coverage,
    layer_matrix,
    normalized_error,
    saturation,
)

Floats = NDArray[np.float64]
"""An array of double precision numbers."""

Units = Mapping[str, ArrayLike]
"""Layer name -> activations on N shared inputs, (N, units)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """A map from a source agent's hidden units to a target agent's."""

    matrix: Floats
    """The map between normalised units, (K, M), no entry negative."""
    source_maxima: Floats
    """Largest activation of each source unit, beta, (K,); 0 if silent."""
    target_maxima: Floats
    """Largest activation of each target unit, alpha, (M,); 0 if silent."""
    source_layers: Mapping[str, int]
    """Number of units of each source layer, in order; K in all."""
    target_layers: Mapping[str, int]
    """Number of units of each target layer, in order; M in all."""

    @property
    def raw(self) -> Floats:
        """The map between activations that are not normalised, P, (K, M)."""
        return normalize(self.matrix.T, self.source_maxima).T * self.target_maxima

    def apply(self, source: ArrayLike) -> Floats:
        """Predict the target's activations.

        Args:
            source: Activations of all source units, layers side by side, (N, K).

        Returns:
            Activations of all target units, (N, M).
        """
        predicted: Floats = np.asarray(source, dtype=np.float64) @ self.raw
        return predicted

    def error(self, source: Units, target: Units) -> float:
        """Return the normalised error, eq. (6), on normalised activations.

        A target unit that was silent when the projection was fitted does not count.
        """
        B = normalize(side_by_side(source), self.source_maxima)
        A = normalize(side_by_side(target), self.target_maxima)
        return normalized_error(A, B @ self.matrix)

    def saturation(self) -> float:
        """Return how many source units a target unit needs, eq. (7)."""
        return saturation(self.matrix)

    def coverage(self) -> float:
        """Return how evenly the source units are used, eq. (8)."""
        return coverage(self.matrix)

    def layer_matrix(self) -> Floats:
        """Return the share of each target layer that each source layer predicts."""
        sizes = [list(x.values()) for x in (self.source_layers, self.target_layers)]
        return layer_matrix(self.matrix, *sizes)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, JSON-able."""
        return {
            "matrix": self.matrix.tolist(),
            "source_maxima": self.source_maxima.tolist(),
            "target_maxima": self.target_maxima.tolist(),
            "source_layers": dict(self.source_layers),
            "target_layers": dict(self.target_layers),
        }


def side_by_side(units: Units) -> Floats:
    """Return the units of all layers as one matrix, (N, all units)."""
    layers = [np.asarray(layer, dtype=np.float64) for layer in units.values()]
    return np.concatenate(layers, axis=1)


def normalize(units: Floats, maxima: Floats) -> Floats:
    """Divide every column by its maximum; columns with maximum zero become zero."""
    heard = maxima > 0
    scaled: Floats = units * heard / np.where(heard, maxima, 1.0)
    return scaled
