"""Mappings: fit a projection to the activations of two agents on shared inputs.

Source: Feldotto et al. 2022, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sb3_prune.exceptions import ConfigError, NonFiniteError
from sb3_prune_clusters.lasso import nonnegative_lasso
from sb3_prune_clusters.projection import (
    Floats,
    Projection,
    Units,
    normalize,
    side_by_side,
)


def linear(source: Units, target: Units, *, penalty: float = 50.0) -> Projection:
    """Predict every target unit by a sparse sum of source units, eq. (5).

    Args:
        source: The source's activations on N shared inputs.
        target: The target's activations on the same inputs.
        penalty: lambda, not divided by N: more inputs weaken it.

    Raises:
        ConfigError: The penalty is negative, or source and target have different
            numbers of inputs.
        NonFiniteError: An activation is NaN or infinite.
    """
    B, beta, A, alpha = _normalized(source, target)
    matrix = np.zeros((len(beta), len(alpha)))
    heard = alpha > 0
    matrix[:, heard] = nonnegative_lasso(B, A[:, heard], penalty)
    return _projection(matrix, source, target, beta, alpha)


def greedy(
    source: Units, target: Units, *, lengths: Sequence[int] | None = None
) -> Projection:
    """Predict every target unit by a copy of the nearest source unit.

    Args:
        source: The source's activations on N shared inputs.
        target: The target's activations on the same inputs.
        lengths: Steps of each episode, if the inputs are whole episodes in a row. The
            distance is then that of eq. (2). None treats all inputs as one episode.

    Raises:
        ConfigError: Source and target have different numbers of inputs, or the lengths
            of the episodes do not add up to N.
        NonFiniteError: An activation is NaN or infinite.
    """
    B, beta, A, alpha = _normalized(source, target)
    matrix = np.zeros((len(beta), len(alpha)))
    if (beta > 0).any():
        far = cross_distances(B, A, [len(B)] if lengths is None else lengths)
        far[beta == 0] = np.inf
        heard = np.flatnonzero(alpha > 0)
        matrix[far[:, heard].argmin(axis=0), heard] = 1
    return _projection(matrix, source, target, beta, alpha)


def cross_distances(
    source: ArrayLike, target: ArrayLike, lengths: Sequence[int]
) -> Floats:
    r"""Return the distance, eq. (2), of every source unit from every target unit.

    .. math:: d(k, m) = \frac{1}{|E|} \sum_E \| \bar b_k^{(E)} - \bar a_m^{(E)} \|_2

    Args:
        source: Normalised activations, episodes in a row, (N, K).
        target: Normalised activations at the same steps, (N, M).
        lengths: Steps of each episode; N in all.

    Returns:
        Distances, (K, M).

    Raises:
        ConfigError: The lengths do not add up to N, or an episode is empty.
    """
    B, A = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if not len(lengths) or min(lengths) < 1 or sum(lengths) != len(B):
        raise ConfigError(
            f"lengths must be positive and add up to the {len(B)} inputs, got "
            f"{sum(lengths)} in {len(lengths)} episodes."
        )
    total = np.zeros((B.shape[1], A.shape[1]))
    ends = np.cumsum(lengths)
    for end, length in zip(ends, lengths, strict=True):
        b, a = B[end - length : end], A[end - length : end]
        squares = np.square(b).sum(0)[:, None] + np.square(a).sum(0) - 2 * b.T @ a
        total += np.sqrt(np.maximum(squares, 0))
    return total / len(lengths)


def _normalized(source: Units, target: Units) -> tuple[Floats, Floats, Floats, Floats]:
    """Return B, beta, A, alpha: activations in [0, 1], and each unit's maximum."""
    B, A = side_by_side(source), side_by_side(target)
    if len(A) != len(B) or not len(B):
        raise ConfigError(
            "Source and target need activations on the same inputs, at least one; got "
            f"{len(B)} and {len(A)}."
        )
    for name, array in (("source", B), ("target", A)):
        if not np.isfinite(array).all():
            raise NonFiniteError(f"An activation of the {name} is NaN or infinite.")
        if (array < 0).any():
            raise ConfigError(
                f"An activation of the {name} is negative, {array.min():.3g}; "
                "projections need units whose activations are at least 0, like ReLU."
            )
    beta, alpha = B.max(axis=0), A.max(axis=0)
    return normalize(B, beta), beta, normalize(A, alpha), alpha


def _projection(
    matrix: Floats, source: Units, target: Units, beta: Floats, alpha: Floats
) -> Projection:
    sizes = [{k: np.shape(v)[1] for k, v in u.items()} for u in (source, target)]
    return Projection(
        matrix=matrix,
        source_maxima=beta,
        target_maxima=alpha,
        source_layers=sizes[0],
        target_layers=sizes[1],
    )
