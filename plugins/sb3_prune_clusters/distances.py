r"""Distances between the activations of two units over whole episodes.

.. math:: d(i, j) = \frac{1}{|E|} \sum_{e \in E} \left\|
          \frac{z_i^{(e)}}{Z_i} - \frac{z_j^{(e)}}{Z_j} \right\|_2

:math:`z_i^{(e)} \in R^T` are the activations of unit i over the T steps of episode e,
:math:`Z_i` is its largest magnitude over all episodes E. Division by Z makes the
distance independent of the units' scales: proportional units have distance zero. A
silent unit (Z = 0: all its activations are zero) counts as the zero vector.

Source: Feldotto et al. 2022, equation (2).
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
    """Return the distances between all units of all layers, layer after layer.

    Args:
        activations: Layer name -> (episodes, steps, units).
    """
    return unit_distances(*activations.values())


def unit_distances(*layers: Array) -> Matrix:
    """Return eq. (2) between all units of the given layers, layer after layer.

    Args:
        *layers: Activations (episodes, steps, units), of the same episodes.

    Returns:
        Symmetric distances with a zero diagonal, (K, K) for K units in all.

    Raises:
        ConfigError: The layers have different episodes or steps, or none at all.
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
    # Units active in the fewest episodes come first: `summed_norms` skips the rows of
    # units that are silent in an episode.
    order = np.argsort(speaking, kind="stable")[np.count_nonzero(maxima == 0) :]
    # One column of zeros, the first, stands for all silent units.
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
    """Return the distance of each pair i < j once, (K (K - 1) / 2,)."""
    return distances[np.triu_indices(len(distances), 1)]


def _episodes(layers: Sequence[Array], units: NDArray[np.int64]) -> Iterator[Array]:
    """Yield each episode's activations of some units, (steps, units).

    Units are numbered through all layers.
    """
    for parts in zip(*layers, strict=True):
        yield np.concatenate(parts, axis=1)[:, units]
