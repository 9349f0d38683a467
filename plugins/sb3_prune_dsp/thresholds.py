r"""Thresholds: three readings of equations 16 and 18 of Su et al. 2024.

The threshold is :math:`\psi_t = p_t \sum_k \Omega_k`. Units are sorted by importance,
from small to large, and those "under the threshold" go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

Scores = Mapping[str, torch.Tensor]


def cumulative(importance: torch.Tensor, share: float) -> torch.Tensor:
    r"""Return which units go: those whose running sum stays below the threshold.

    .. math:: \sum_{j: \Omega_j \le \Omega_k} \Omega_j < \psi_t

    Args:
        importance: Importance of each unit, (units,).
        share: The sparsity :math:`p_t`.
    """
    importance = importance.double()
    order = importance.argsort(stable=True)
    gone = torch.zeros_like(importance, dtype=torch.bool)
    gone[order] = importance[order].cumsum(0) < share * importance.sum()
    return gone


def literal(importance: torch.Tensor, share: float) -> torch.Tensor:
    r"""Return which units go: those that are less important than the threshold.

    .. math:: \Omega_k < \psi_t

    No unit has more than its share of the sum, so nearly all of them go soon.

    Args:
        importance: Importance of each unit, (units,).
        share: The sparsity :math:`p_t`.
    """
    importance = importance.double()
    return importance < share * importance.sum()


THRESHOLDS: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "cumulative": cumulative,
    "literal": literal,
}
"""Readings of the threshold that depend on values of the importance."""


def units_left(
    threshold: str, scores: Scores, share: float, least: int, together: bool
) -> dict[str, int]:
    """Return how many units each layer of a network keeps.

    Args:
        threshold: Name in :data:`THRESHOLDS`.
        scores: Importance of the units of each layer.
        share: The sparsity p_t.
        least: Smallest number of units that a layer keeps.
        together: One sum and one order for all layers, as in equation 16, instead of
            one for each.
    """
    goes = THRESHOLDS[threshold]
    sizes = [len(score) for score in scores.values()]
    parts = list(scores.values())
    if together:
        gone = list(torch.split(goes(torch.cat(parts), share), sizes))
    else:
        gone = [goes(part, share) for part in parts]
    left = [int((~each).sum()) for each in gone]
    return {
        name: min(size, max(least, count))
        for name, size, count in zip(scores, sizes, left, strict=True)
    }
