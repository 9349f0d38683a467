r"""Distributions: *how much where*; units to keep in each layer of one network.

Every distribution keeps :math:`(1 - s) \sum_l K_l` units, up to rounding each layer
and unless ``min_units`` forces more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from sb3_prune.exceptions import ConfigError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a hidden layer as it was built."""

    units: int
    """Number of units K."""
    inputs: int
    """Number of values that feed each unit."""
    outputs: int
    """Number of values that each unit feeds."""


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
    """Share the units that may stay among the layers of one network.

    Call it once per network: units of an actor and of a critic do not compare.

    Args:
        distribution: Name in :data:`DISTRIBUTIONS`.
        sizes: Initial size of each layer, by name.
        sparsity: Share of the initial units to be gone, in [0, 1).
        scores: Importance of each layer's present units, (units,); for ``global``.
        min_units: Units that every layer keeps, at least 1.

    Returns:
        Units to keep in each layer.

    Raises:
        UnknownNameError: There is no such distribution.
        ConfigError: ``sparsity``, ``min_units`` or the scores do not fit.
    """
    if distribution not in DISTRIBUTIONS:
        raise UnknownNameError("distribution", distribution, DISTRIBUTIONS)
    if not 0 <= sparsity < 1:
        raise ConfigError(f"sparsity must be in [0, 1), got {sparsity}.")
    if min_units < 1:
        raise ConfigError(f"min_units must be at least 1, got {min_units}.")
    return DISTRIBUTIONS[distribution](sizes, sparsity, scores or {}, min_units)


def uniform(
    sizes: Sizes, sparsity: float, scores: Scores, min_units: int
) -> dict[str, int]:
    r"""Keep the same share of every layer.

    .. math:: k_l = (1 - s) K_l
    """
    del scores  # Importance decides which units, not how many.
    return {
        name: _rounded((1 - sparsity) * size.units, size.units, min_units)
        for name, size in sizes.items()
    }


def erk(
    sizes: Sizes, sparsity: float, scores: Scores, min_units: int
) -> dict[str, int]:
    r"""Keep more of the layers whose matrices are small.

    A layer's density is proportional to the mean Erdős-Rényi factor of the two
    matrices that hold its units, :math:`(I, K)` and :math:`(K, O)`, capped at 1; what
    the cap frees goes to the other layers.

    .. math:: \frac{k_l}{K_l} = \min(1, \epsilon f_l), \quad
              f_l = \frac{1}{2} \left(\frac{I_l + K_l}{I_l K_l}
                    + \frac{K_l + O_l}{K_l O_l}\right)

    References:
        Evci et al. 2020, "Rigging the lottery", section 3.
    """
    del scores  # Importance decides which units, not how many.
    factors = {
        name: 1 / size.units + (1 / size.inputs + 1 / size.outputs) / 2
        for name, size in sizes.items()
    }
    budget = (1 - sparsity) * sum(size.units for size in sizes.values())
    shares = _capped(sizes, factors, budget)
    return {
        name: _rounded(shares[name] * size.units, size.units, min_units)
        for name, size in sizes.items()
    }


def global_(
    sizes: Sizes, sparsity: float, scores: Scores, min_units: int
) -> dict[str, int]:
    r"""Rank the units of all layers together and keep the best.

    Scores are divided by their layer's L2 norm first, :math:`\hat s_k = s_k / \lVert s
    \rVert_2`: without it, layers with larger weights would always win.

    Args:
        sizes: Initial size of each layer.
        sparsity: Share of the initial units to be gone.
        scores: Importance of each layer's present units, (units,).
        min_units: The best units of every layer that stay whatever their rank.

    Raises:
        ConfigError: A layer has no scores.
    """
    missing = sorted(set(sizes) - set(scores))
    if missing:
        raise ConfigError(f"'global' needs scores of every layer, not of {missing}.")
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
    """Return the densities min(1, eps f) that spend the budget."""
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
