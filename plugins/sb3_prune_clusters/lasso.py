r"""Non-negative lasso for all target units at once.

.. math:: \min_{p \ge 0} \; \tfrac12 \| B p - a \|_2^2 + \lambda |p|_1

B holds the activations of the source units, a those of one target unit. The penalty
makes p sparse, so that few source units predict the target unit. With :math:`G = B^T B
= R^T R` (Cholesky) and :math:`c = B^T a`, this is the non-negative least-squares
problem :math:`\min_{p \ge 0} \| R p - R^{-T} (c - \lambda) \|_2^2`. It is faster to
solve, as its size does not depend on the number of samples.

Source: Feldotto et al. 2022, equation (5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from sb3_prune.exceptions import ConfigError, NonFiniteError, require_finite

Floats = NDArray[np.float64]
"""An array of double precision numbers."""

RIDGE = 1e-10
"""Added to the diagonal of G, relative to the diagonal's mean.

Without it the Cholesky decomposition fails where a unit is a copy of another.
"""

ITERATIONS = 100
"""Iterations per source unit, at most. SciPy's 3 are too few without a penalty, when
many source units are alike."""


def nonnegative_lasso(source: ArrayLike, target: ArrayLike, penalty: float) -> Floats:
    """Solve eq. (5) for every target unit.

    Args:
        source: B, one column per source unit, (N, K).
        target: A, one column per target unit, (N, M).
        penalty: lambda, not divided by the number of samples N; at least 0.

    Returns:
        P, one column per target unit, (K, M), no entry negative. Source units that
        are never active get weight 0.

    Raises:
        ConfigError: The penalty is negative or not finite, or B and A have different
            numbers of rows, or the source units are too much alike for the penalty.
        NonFiniteError: An activation is NaN or infinite.
    """
    B, A = _checked(source, target, penalty)
    P = np.zeros((B.shape[1], A.shape[1]))
    active = B.any(axis=0)
    if active.any():
        P[active] = _solve(B[:, active], A, penalty)
    return P


def _checked(
    source: ArrayLike, target: ArrayLike, penalty: float
) -> tuple[Floats, Floats]:
    B = np.asarray(source, dtype=np.float64)
    A = np.asarray(target, dtype=np.float64)
    require_finite("penalty", penalty)
    if B.ndim != 2 or A.ndim != 2 or len(A) != len(B):  # noqa: PLR2004
        raise ConfigError(
            "source and target must be (N, K) and (N, M), one row per shared sample, "
            f"got {B.shape} and {A.shape}."
        )
    if not (np.isfinite(B).all() and np.isfinite(A).all()):
        raise NonFiniteError("An activation is NaN or infinite.")
    return B, A


def _solve(B: Floats, A: Floats, penalty: float) -> Floats:
    gram = B.T @ B
    gram.flat[:: len(gram) + 1] += RIDGE * np.trace(gram) / len(gram)
    root = np.ascontiguousarray(cholesky(gram))
    goals = solve_triangular(root, B.T @ A - penalty, trans="T")
    P = np.empty((B.shape[1], A.shape[1]))
    most = ITERATIONS * len(root)
    for m, goal in enumerate(goals.T):
        try:
            P[:, m] = nnls(root, goal, maxiter=most)[0]
        except RuntimeError as error:
            raise ConfigError(
                f"Target unit {m} has no solution after {most:,} iterations with "
                f"penalty = {penalty:g}: the source units are too much alike. A "
                "larger penalty helps."
            ) from error
    return P
