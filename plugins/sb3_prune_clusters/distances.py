r"""Distances: how differently two units speak over whole episodes (Feldotto et al. 2022, eq. (2)).

.. math:: d(i, j) = \frac{1}{|E|} \sum_{e \in E} \left\|
          \frac{z_i^{(e)}}{Z_i} - \frac{z_j^{(e)}}{Z_j} \right\|_2

:math:`z_i^{(e)} \in R^T` is the activation of unit i over episode e, :math:`Z_i` its
largest magnitude over all episodes. Silent units, Z = 0, count as the zero vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError, NonFiniteError
from sb3_prune_clusters.norms import Matrix, summed_norms

Array = NDArray[np.float32]


def layer_distances(activations: Mapping[str, Array]) -> dict[str, Matrix]:
    """Return the distances between the units of each layer, (units, units) by name.

    Args:
        activations: Layer name -> (episodes, steps, units).
    """
    return {name: unit_distances(layer) for name, layer in activations.items()}


def all_distances(activations: Mapping[str, Array]) -> Matrix:
    """Return the distances between all units of all layers, in their order.

    Args:
        activations: Layer name -> (episodes, steps, units).
    """
    return unit_distances(*activations.values())


def unit_distances(*layers: Array) -> Matrix:
    """Return eq. (2) between all units of the given layers, in a row.

    Args:
        *layers: Activations (episodes, steps, units), of the same episodes.

    Returns:
        Symmetric distances (K, K) with a zero diagonal.

    Raises:
        ConfigError: The layers are not of the same episodes, or there are none.
        NonFiniteError: An activation is NaN or infinite.
    """
    shapes = {layer.shape[:2] for layer in layers}
    if len(shapes) != 1 or 0 in (shape := shapes.pop()):
        raise ConfigError(
            "Expected layers of the same episodes, each (episodes, steps, units); got "
            f"{[layer.shape for layer in layers]}."
        )
    maxima = np.concatenate([largest(layer) for layer in layers])
    speaking = np.concatenate([layer.any(axis=1).sum(axis=0) for layer in layers])
    # The rarest first: the sums leave out the episodes in which a row is silent.
    order = np.argsort(speaking, kind="stable")[np.count_nonzero(maxima == 0) :]
    # All silent units are one, the first: a column of zeros.
    scales = np.append(0.0, 1 / maxima[order])
    sums = summed_norms(_episodes(layers, np.append(0, order)), scales)
    place = np.zeros(len(maxima), dtype=int)
    place[order] = np.arange(1, len(scales))
    distances: Matrix = sums[np.ix_(place, place)] / shape[0]
    return distances


def largest(layer: Array) -> Matrix:
    """Return Z, the largest magnitude of each unit over all episodes, (units,).

    Args:
        layer: Activations (episodes, steps, units).

    Raises:
        NonFiniteError: An activation is NaN or infinite.
    """
    most = np.maximum(layer.max(axis=(0, 1)), -layer.min(axis=(0, 1)))
    if not np.isfinite(most).all():
        wrong = np.flatnonzero(~np.isfinite(most)).tolist()
        raise NonFiniteError(f"Activations of the units {wrong} are NaN or infinite.")
    exact: Matrix = most.astype(np.float64)
    return exact


def upper(distances: Matrix) -> Matrix:
    """Return each pair's distance once, without the diagonal, (K (K - 1) / 2,)."""
    return distances[np.triu_indices(len(distances), 1)]


def _episodes(layers: Sequence[Array], units: NDArray[np.int64]) -> Iterator[Array]:
    """Yield every episode of some units, numbered in a row, (steps, units)."""
    for parts in zip(*layers, strict=True):
        yield np.concatenate(parts, axis=1)[:, units]
