r"""Distributions: how many units each hidden layer of a network keeps.

At sparsity s, every distribution keeps :math:`(1 - s) \sum_l K_l` of the :math:`K_l`
initial units of the layers l. The number differs only by rounding in each layer, or if
``min_units`` forces layers to keep more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from sb3_prune.exceptions import ConfigError, UnknownNameError, require_at_least


@dataclass(frozen=True, kw_only=True)
class Size:
    """The initial size of a hidden layer, before any unit was removed."""

    units: int
    """Number of units K."""
    inputs: int
    """Number of weights into each unit, I."""
    outputs: int
    """Number of weights out of each unit, O."""


Sizes = Mapping[str, Size]
Scores = Mapping[str, torch.Tensor]
Distribution = Callable[[Sizes, float, Scores, int], dict[str, int]]


def allocate(
    distribution: str,
    sizes: Sizes,
    sparsity: float,
    scores: Scores | None = None,
    min_units: int = 1,
) -> dict[str, int]:
    """Decide how many units each layer of one network keeps.

    Call this once per network, because the importance of an actor's units and of a
    critic's units is not comparable.

    Args:
        distribution: Name in :data:`DISTRIBUTIONS`.
        sizes: Initial size of each layer, by name.
        sparsity: Share of the initial units to be removed, in [0, 1).
        scores: Importance of the present units by layer name, each (units,). Only
            ``global`` needs scores.
        min_units: Smallest number of units that a layer keeps, at least 1.

    Returns:
        Number of units to keep by layer name.

    Raises:
        UnknownNameError: There is no such distribution.
        ConfigError: ``sparsity``, ``min_units`` or the scores do not fit.
    """
    if distribution not in DISTRIBUTIONS:
        raise UnknownNameError("distribution", distribution, DISTRIBUTIONS)
    if not 0 <= sparsity < 1:
        raise ConfigError(f"sparsity must be in [0, 1), got {sparsity}.")
    require_at_least("min_units", min_units)
    return DISTRIBUTIONS[distribution](sizes, sparsity, scores or {}, min_units)


def uniform(
    sizes: Sizes, sparsity: float, scores: Scores, min_units: int
) -> dict[str, int]:
    r"""Keep the same share of the units in every layer.

    .. math:: k_l = (1 - s) K_l
    """
    del scores  # Here, the importance decides which units stay, not how many.
    return {
        name: _rounded((1 - sparsity) * size.units, size.units, min_units)
        for name, size in sizes.items()
    }


def erk(
    sizes: Sizes, sparsity: float, scores: Scores, min_units: int
) -> dict[str, int]:
    r"""Keep a larger share of the units in layers whose weight matrices are small.

    The share of units that a layer keeps is proportional to the mean Erdős-Rényi factor
    :math:`f_l` of the two matrices that hold its units, of shapes :math:`(I, K)` and
    :math:`(K, O)`. The factor is large for small matrices, which have few weights to
    spare. No layer can keep more than all its units, so the share is capped at 1, and
    the units that the cap saves go to the other layers.

    .. math:: \frac{k_l}{K_l} = \min(1, \epsilon f_l), \quad
              f_l = \frac{1}{2} \left(\frac{I_l + K_l}{I_l K_l}
                    + \frac{K_l + O_l}{K_l O_l}\right)

    References:
        Evci et al. 2020, "Rigging the lottery", section 3.
    """
    del scores  # Here, the importance decides which units stay, not how many.
    factors = {
        name: 1 / size.units + (_one_over(size.inputs) + _one_over(size.outputs)) / 2
        for name, size in sizes.items()
    }
    budget = (1 - sparsity) * sum(size.units for size in sizes.values())
    shares = _capped(sizes, factors, budget)
    return {
        name: _rounded(shares[name] * size.units, size.units, min_units)
        for name, size in sizes.items()
    }


def _one_over(entries: int) -> float:
    """Return 1 / entries; 0 if no weight is there, as where a sum is all that reads."""
    return 1 / entries if entries else 0.0


def global_(
    sizes: Sizes, sparsity: float, scores: Scores, min_units: int
) -> dict[str, int]:
    r"""Rank the units of all layers together and keep the most important ones.

    Scores are divided by the L2 norm of their layer's scores first,
    :math:`\hat s_k = s_k / \lVert s \rVert_2`. Without this normalisation, layers with
    larger weights would keep all their units.

    Args:
        sizes: Initial size of each layer, by name.
        sparsity: Share of the initial units to be removed.
        scores: Importance of the present units by layer name, each (units,).
        min_units: Number of units that every layer keeps, whatever their rank.

    Raises:
        ConfigError: A layer has no scores.
    """
    missing = sorted(set(sizes) - set(scores))
    if missing:
        raise ConfigError(
            f"'global' needs scores of every layer, but {missing} have none."
        )
    budget = math.floor((1 - sparsity) * sum(s.units for s in sizes.values()) + 0.5)
    kept, rest = {}, []
    for name in sizes:
        ranked = _normalised(scores[name]).sort(descending=True).values.tolist()
        kept[name] = min(min_units, len(ranked))
        rest += [(score, name) for score in ranked[kept[name] :]]
    rest.sort(key=lambda unit: unit[0], reverse=True)
    for _, name in rest[: max(0, budget - sum(kept.values()))]:
        kept[name] += 1
    return kept


DISTRIBUTIONS: dict[str, Distribution] = {
    "uniform": uniform,
    "erk": erk,
    "global": global_,
}
"""Distributions by the name that configurations use."""


def _rounded(wanted: float, units: int, min_units: int) -> int:
    return min(units, max(min_units, math.floor(wanted + 0.5)))


def _capped(
    sizes: Sizes, factors: Mapping[str, float], budget: float
) -> dict[str, float]:
    """Return the shares min(1, eps f) of units to keep that add up to the budget."""
    full: dict[str, float] = {}
    while len(full) < len(sizes):
        free = [name for name in sizes if name not in full]
        left = budget - sum(sizes[name].units for name in full)
        scale = left / sum(factors[name] * sizes[name].units for name in free)
        over = {name: 1.0 for name in free if scale * factors[name] > 1}
        if not over:
            return full | {name: scale * factors[name] for name in free}
        full |= over
    return full


def _normalised(scores: torch.Tensor) -> torch.Tensor:
    norm: torch.Tensor = scores.norm()
    return scores / norm.clamp_min(torch.finfo(scores.dtype).tiny)
