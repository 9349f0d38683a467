"""Intervals: how sure the mean of some values is, by the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWN = 10**6
"""Values that are drawn at once, at most; more would need too much memory."""


def interval(
    values: Sequence[float], share: float = 0.95
) -> tuple[float, float] | None:
    """Return the percentile interval of a mean (Efron 1979), computed by SciPy.

    Args:
        values: The values. Of one value, the interval is unknown: None. Of three, it is
            mostly their range, and too narrow.
        share: Coverage of the interval.
    """
    if len(values) == 1:
        return None
    # scipy.stats loads for a second; few who import us need an interval.
    from scipy.stats import bootstrap  # noqa: PLC0415

    found = bootstrap(
        (np.asarray(values, dtype=float),),
        np.mean,
        confidence_level=share,
        method="percentile",
        batch=max(1, DRAWN // len(values)),
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
