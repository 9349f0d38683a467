"""Independence: is what a screener measures related to the iterations at all?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sb3_prune.exceptions import ConfigError, require_at_least
from sb3_prune.screening.outcomes import Numbers, Outcomes

DRAWN = 10**6
"""Ranks that are permuted at once, at most."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Rank correlation of values and iterations, and a test of it."""

    correlation: float
    """Spearman's, from -1 to 1; negative if a high value means few iterations."""
    p_value: float
    """Probability of a correlation as far from 0 or farther if values and iterations
    are unrelated (two-sided permutation test)."""
    seeds: int
    """Number of runs; of two, a correlation is always 1 or -1."""


def relation(
    outcomes: Outcomes, *, permutations: int = 9_999, seed: int = 0
) -> Relation:
    """Test whether values and iterations are unrelated.

    Runs without success count with all iterations that they had: among equal limits,
    they share the highest rank.

    Args:
        outcomes: The runs.
        permutations: Number of random pairings; if there are not more than that at all,
            each is taken once.
        seed: Seed of the pairings.

    Raises:
        ConfigError: All values or all iterations are equal.
    """
    from scipy.stats import permutation_test, rankdata  # noqa: PLC0415  # A second.

    require_at_least("permutations", permutations)
    for name in ("values", "iterations"):
        if np.ptp(getattr(outcomes, name)) == 0:
            raise ConfigError(f"All {name} are equal: there is nothing to relate.")
    values = _standard(rankdata(outcomes.values))
    spent = _standard(rankdata(outcomes.iterations))

    def correlation(drawn: Numbers, axis: int = -1) -> Numbers:
        return np.asarray((np.moveaxis(drawn, axis, -1) * spent).sum(axis=-1))

    found = permutation_test(
        (values,),
        correlation,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=permutations,
        batch=max(1, DRAWN // len(outcomes)),
        random_state=np.random.default_rng(seed),
    )
    return Relation(
        correlation=float(found.statistic),
        p_value=float(found.pvalue),
        seeds=len(outcomes),
    )


def _standard(ranks: Numbers) -> Numbers:
    """Return ranks of mean 0 and length 1, whose products add up to a correlation."""
    centred = ranks - ranks.mean()
    return np.asarray(centred / np.linalg.norm(centred))
