r"""Metrics of a projection: error, saturation, coverage, layers.

A projection is a matrix P of shape (K, M) without negative entries. Column m holds the
weights with which the K source units predict target unit m. All metrics but the error
first divide each column by its sum, :math:`q_{km} = P_{km} / |p_m|_1`: this makes it a
distribution over source units, whose entropy can be taken. A column of zeros stays
zero.

Source: Feldotto et al. 2022, equations (6) to (9).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from sb3_prune.exceptions import ConfigError

Floats = NDArray[np.float64]
"""An array of double precision numbers."""


def normalized_error(target: ArrayLike, predicted: ArrayLike) -> float:
    r"""Return the prediction's absolute error, relative to predicting zeros.

    .. math:: E = \frac{1}{|A|_1} \sum_m \| a_m - \hat a_m \|_1 \quad (6)

    If the activations are divided by their maxima before, the error does not depend on
    the scale of the units, and silent units do not count.

    Args:
        target: Activations A of the target, (N, M).
        predicted: Predicted activations of the target, (N, M).

    Returns:
        0 for a perfect projection, 1 for one that is no better than zeros.

    Raises:
        ConfigError: The shapes differ, or A is all zero.
    """
    A = np.asarray(target, dtype=np.float64)
    guess = np.asarray(predicted, dtype=np.float64)
    if A.shape != guess.shape:
        raise ConfigError(
            f"target and predicted must have one shape, got {A.shape} and "
            f"{guess.shape}."
        )
    whole = float(np.abs(A).sum())
    if whole == 0:
        raise ConfigError("The target's units are all silent: nothing to project.")
    return float(np.abs(A - guess).sum()) / whole


def saturation(matrix: ArrayLike) -> float:
    r"""Return the mean entropy of a column: how many source units a target unit needs.

    .. math:: S = -\frac{1}{M} \sum_m \sum_k q_{km} \log_K q_{km} \in [0, 1] \quad (7)

    Args:
        matrix: P, (K, M). Empty columns count as 0.

    Returns:
        0 if every target unit is predicted by at most one source unit, 1 if every
        target unit is predicted by all source units with equal weights.
    """
    shares = column_shares(matrix)
    if not shares.size:
        return 0.0
    return float(_entropy(shares).mean())


def coverage(matrix: ArrayLike) -> float:
    r"""Return the entropy of the mean column: how evenly source units are used.

    .. math:: C = -\sum_k \kappa_k \log_K \kappa_k \in [0, 1], \qquad
              \kappa_k = \frac{1}{M} \sum_m q_{km} \quad (8)

    The paper prints a factor 1/K before the sum. This must be a misprint: with it, a
    network projected onto itself would have coverage 1/K, but the paper reports 1.

    Args:
        matrix: P, (K, M). The mean is over the columns that are not zero.

    Returns:
        0 if a single source unit predicts all target units, 1 if all source units are
        used equally.
    """
    shares = column_shares(matrix)
    used = shares[:, shares.any(axis=0)]
    if not used.size:
        return 0.0
    return float(_entropy(used.mean(axis=1)))


def layer_matrix(
    matrix: ArrayLike, source_units: Sequence[int], target_units: Sequence[int]
) -> Floats:
    r"""Return the share of each target layer that each source layer predicts.

    .. math:: P_{ij} = \frac{1}{|L^{(M)}_j|} \sum_{k \in L^{(K)}_i}
              \sum_{m \in L^{(M)}_j} q_{km} \quad (9)

    Args:
        matrix: P, (K, M).
        source_units: Units of each source layer, in order; K in all.
        target_units: Units of each target layer, in order; M in all.

    Returns:
        Share of target layer j that source layer i predicts, (source layers, target
        layers). A column sums to the share of the layer's units that have a projection.

    Raises:
        ConfigError: The layers' units do not add up to K and M.
    """
    shares = column_shares(matrix)
    if shares.shape != (sum(source_units), sum(target_units)):
        raise ConfigError(
            f"The matrix is {shares.shape}, the layers have {sum(source_units)} source "
            f"and {sum(target_units)} target units."
        )
    rows = np.split(shares, np.cumsum(source_units)[:-1], axis=0)
    cells = [np.split(row, np.cumsum(target_units)[:-1], axis=1) for row in rows]
    mass = [[c.sum() / max(c.shape[1], 1) for c in row] for row in cells]
    return np.array(mass, dtype=np.float64)


def column_shares(matrix: ArrayLike) -> Floats:
    """Divide every column by its sum; columns of zeros stay zero.

    Args:
        matrix: P, (K, M).

    Returns:
        q, (K, M).

    Raises:
        ConfigError: P is not a matrix, or an entry is negative.
    """
    P = np.asarray(matrix, dtype=np.float64)
    if P.ndim != 2 or not (P >= 0).all():  # noqa: PLR2004
        raise ConfigError(
            f"A projection is a matrix without negative entries, got shape {P.shape}."
        )
    peaks = P.max(axis=0, initial=0.0)
    # Divide by the maximum first: the sum of tiny numbers may be a denormal.
    scaled = P / np.where(peaks > 0, peaks, 1.0)
    shares: Floats = scaled / np.maximum(scaled.sum(axis=0), 1.0)
    return shares


def _entropy(shares: Floats) -> Floats:
    """Return the base-K entropy along the first axis; 0 if there is only one unit."""
    found: Floats = entr(shares).sum(axis=0) / np.log(max(len(shares), 2))
    return found
