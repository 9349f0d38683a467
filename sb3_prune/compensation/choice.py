r"""Choice: the order in which units of a layer are worth keeping, from samples.

Units whose activations the others can express are not worth keeping.

* ``qr`` picks one unit after the other. The picked unit's part is removed from the
  activations of all others by regression, and the next pick is the unit of which most
  is left. This is a QR decomposition with pivoting of the activations (Businger & Golub
  1965), computed as a Cholesky decomposition with pivoting of :math:`H^T H`.
* ``centred-qr`` does so with centred activations: a constant counts for nothing,
  because biases take it over.
* ``backward`` removes one unit after the other, each time the one without which the
  best fit of what readers get becomes worst by least. With centred activations of
  covariance G and the weights B of the best fit by the units that are left, removing
  unit j costs :math:`\lVert B_j \rVert^2 / (G^{-1})_{jj}` and moves B by
  :math:`-(G^{-1})_{\cdot j} B_j / (G^{-1})_{jj}` (backward elimination; the same
  formula is the optimal brain surgeon's, Hassibi & Stork 1992).
* ``spread`` ranks by the standard deviation of the unit times the norm of the weights
  that read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

Choice = Literal["backward", "centred-qr", "qr", "spread"]
"""How units are ranked."""
Matrix = NDArray[np.float64]
Order = NDArray[np.int64]
TINY = 1e-10
"""Units are redundant if less than this share of the largest one's square is left."""
RIDGE = 1e-7
"""Added to the covariance before it is inverted, as a multiple of the mean variance."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Units of a layer in the order in which they are worth keeping."""

    order: torch.Tensor
    """Indices of the units, (K,)."""
    errors: torch.Tensor
    """Relative error of what readers get if the first k units stay and express the
    others, for k = 0, ..., K: (K + 1,). It falls from 1 to 0."""

    def needed(self, error: float) -> int:
        """Return how many units are needed for at most this relative error."""
        return int((self.errors > error).sum())

    def scores(self) -> torch.Tensor:
        """Return the error that is left without each unit and those after it, (K,)."""
        units = len(self.order)
        ties = torch.arange(units, 0, -1, dtype=torch.float64) * 1e-12
        scores = torch.empty(units, dtype=torch.float64)
        scores[self.order] = self.errors[:-1] + ties
        return scores


def rank(
    hidden: torch.Tensor, outgoing: torch.Tensor, choice: Choice = "centred-qr"
) -> Ranking:
    """Rank the units of a layer.

    Args:
        hidden: Activations where readers get them, (samples, K).
        outgoing: Weights that read the units, (K, outputs).
        choice: How units are ranked.
    """
    # scipy.linalg loads for a quarter of a second, for this function and the next.
    from scipy.linalg import solve_triangular  # noqa: PLC0415

    h: Matrix = hidden.detach().cpu().double().numpy()
    w: Matrix = outgoing.detach().cpu().double().numpy()
    if choice != "qr":
        h = h - h.mean(axis=0)
    gram = h.T @ h / len(h)
    if choice in ("qr", "centred-qr"):
        order, factor = _pivoted(gram)
    else:
        order = _backward(gram, w) if choice == "backward" else _spread(gram, w)
        factor = _factor(gram[np.ix_(order, order)])
    said = (gram @ w)[order[: len(factor)]]
    gained = np.square(solve_triangular(factor, said, lower=True)).sum(axis=1)
    return Ranking(
        order=torch.as_tensor(order),
        errors=_errors(gained, float((w * (gram @ w)).sum()), len(gram)),
    )


def _pivoted(gram: Matrix) -> tuple[Order, Matrix]:
    """Return the order of a decomposition with pivoting, and its factor."""
    from scipy.linalg.lapack import dpstrf  # noqa: PLC0415

    tolerance = TINY * gram.diagonal().max()
    factor, pivots, count, _ = dpstrf(gram, tol=tolerance, lower=1)
    return (pivots - 1).astype(np.int64), np.tril(factor)[:count, :count]


def _spread(gram: Matrix, w: Matrix) -> Order:
    """Return units by falling standard deviation times norm of their readers."""
    return np.argsort(-np.sqrt(gram.diagonal()) * np.linalg.norm(w, axis=1))


def _backward(gram: Matrix, w: Matrix) -> Order:
    """Return units in the reverse of the order in which they are eliminated."""
    units = np.arange(len(gram))
    ridge = RIDGE * (float(gram.diagonal().mean()) or 1.0)
    inverse, b = np.linalg.inv(gram + ridge * np.eye(len(gram))), w.copy()
    for last in range(len(gram) - 1, 0, -1):
        left = inverse[: last + 1, : last + 1]  # Units that are left come first.
        costs = np.square(b[: last + 1]).sum(axis=1) / left.diagonal()
        j = int(costs.argmin())
        share = left[:, j] / left[j, j]
        b[: last + 1] -= np.outer(share, b[j])
        left -= np.outer(share, left[j])
        for array in (units, b, inverse, inverse.T):
            array[[j, last]] = array[[last, j]]
    return units


def _factor(gram: Matrix) -> Matrix:
    """Return the Cholesky factor of a matrix that may be singular."""
    ridge = TINY * max(float(gram.diagonal().max()), np.finfo(float).tiny)
    return np.asarray(np.linalg.cholesky(gram + ridge * np.eye(len(gram))))


def _errors(gained: Matrix, total: float, units: int) -> torch.Tensor:
    """Return the errors, given what each unit adds to the explained squares."""
    left = np.zeros(units + 1)
    if total > 0:
        explained = np.concatenate([[0.0], np.cumsum(gained)])
        left[: len(explained)] = 1 - explained / total
    left[-1] = 0.0
    return torch.as_tensor(np.sqrt(np.clip(left, 0.0, 1.0)))
