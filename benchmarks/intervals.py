"""Intervals of a mean over few agents, by the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def bootstrap(
    values: Sequence[float], share: float = 0.95, draws: int = 10_000
) -> tuple[float, float]:
    """Return the percentile interval of a mean.

    Args:
        values: One value per agent. With three of them, the interval is mostly their
            range, and too narrow.
        share: Coverage of the interval.
        draws: Number of samples with replacement.
    """
    rng = np.random.default_rng(0)
    picks = rng.integers(len(values), size=(draws, len(values)))
    means = np.asarray(values, dtype=float)[picks].mean(axis=1)
    edge = 50 * (1 - share)
    low, high = np.percentile(means, [edge, 100 - edge])
    return float(low), float(high)
