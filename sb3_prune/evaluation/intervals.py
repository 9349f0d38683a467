"""Intervals: how sure the mean of some values is, by the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap


def interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of a mean (Efron 1979), computed by SciPy.

    Args:
        values: The values. Of one value, the interval is unknown: NaN to NaN. Of very
            few, it is too narrow.
        share: Coverage of the interval.
    """
    if len(values) == 1:
        return float("nan"), float("nan")
    found = bootstrap(
        (np.asarray(values, dtype=float),),
        np.mean,
        confidence_level=share,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
