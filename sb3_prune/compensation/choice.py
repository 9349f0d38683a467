r"""Choice: the order in which units of a layer are worth keeping, from samples.

Units whose activations the others can express are not worth keeping.

* ``qr`` picks one unit after the other. The picked unit's part is removed from the
  activations of all others by regression, and the next pick is the unit of which most
  is left. This is a QR decomposition with pivoting of the activations (Businger & Golub
  1965), computed as a Cholesky decomposition with pivoting of :math:`H^T H`.
* ``centred-qr`` does so with centred activations: a constant counts for nothing,
  because biases take it over.
* ``spread`` ranks by the standard deviation of the unit times the norm of the weights
  that read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf

Choice = Literal["qr", "centred-qr", "spread"]
"""How units are ranked."""
Matrix = NDArray[np.float64]
TINY = 1e-10
"""Units are redundant if less than this share of the largest one's square is left."""


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
    h: Matrix = hidden.detach().cpu().double().numpy()
    w: Matrix = outgoing.detach().cpu().double().numpy()
    if choice != "qr":
        h = h - h.mean(axis=0)
    gram = h.T @ h / len(h)
    if choice == "spread":
        first = np.argsort(-np.sqrt(gram.diagonal()) * np.linalg.norm(w, axis=1))
        order, factor = first, _factor(gram[np.ix_(first, first)])
    else:
        factor, pivots, count, _ = dpstrf(
            gram, tol=TINY * gram.diagonal().max(), lower=1
        )
        order = pivots - 1
        factor = np.tril(factor)[:count, :count]
    said = (gram @ w)[order[: len(factor)]]
    gained = np.square(solve_triangular(factor, said, lower=True)).sum(axis=1)
    return Ranking(
        order=torch.as_tensor(order.astype(np.int64)),
        errors=_errors(gained, float((w * (gram @ w)).sum()), len(gram)),
    )


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
