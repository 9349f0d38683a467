"""Intervals: how sure a mean of some values is, by the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError

DRAWN = 10**6
"""Values that are drawn at once, at most; more would need too much memory."""
CUT = 0.25
"""Share of the values that an interquartile mean leaves out at each end."""


def interval(
    values: Sequence[float], share: float = 0.95
) -> tuple[float, float] | None:
    """Return the percentile interval of a mean (Efron 1979), computed by SciPy.

    Args:
        values: The values. Of one value, the interval is unknown: None. Of three, it is
            mostly their range, and too narrow.
        share: Coverage of the interval.

    Raises:
        ConfigError: There are no values.
    """
    return _percentile([values], _mean, share)


def interquartile_mean(values: Sequence[float]) -> float:
    """Return the mean of the middle half of the values (Agarwal et al. 2021).

    A quarter of the values, rounded down, is left out at each end: nothing of up to
    three values.

    Raises:
        ConfigError: There are no values.
    """
    _require_values([values])
    from scipy.stats import trim_mean  # noqa: PLC0415

    return float(trim_mean(np.asarray(values, dtype=float), CUT))


def stratified_interval(
    strata: Sequence[Sequence[float]], share: float = 0.95
) -> tuple[float, float] | None:
    """Return the percentile interval of the interquartile mean of all values.

    As in rliable (Agarwal et al. 2021), values are drawn anew in each stratum.

    Args:
        strata: For each task, the values of its runs.
        share: Coverage of the interval.

    Returns:
        The interval; None if a task has a single run. Of few runs it is too narrow.

    Raises:
        ConfigError: There are no tasks, or one has no values.
    """
    return _percentile(strata, _interquartile, share)


def _require_values(strata: Sequence[Sequence[float]]) -> None:
    if not len(strata) or not all(len(values) for values in strata):
        raise ConfigError("An interval and a mean need values, got none.")


def _mean(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.asarray(values.mean(axis=axis))


def _interquartile(*strata: NDArray[Any], axis: int) -> NDArray[Any]:
    from scipy.stats import trim_mean  # noqa: PLC0415

    return np.asarray(trim_mean(np.concatenate(strata, axis=axis), CUT, axis=axis))


def _percentile(
    strata: Sequence[Sequence[float]], statistic: Callable[..., Any], share: float
) -> tuple[float, float] | None:
    _require_values(strata)
    if min(map(len, strata)) == 1:
        return None
    # scipy.stats loads for a second; few who import us need an interval.
    from scipy.stats import bootstrap  # noqa: PLC0415

    found = bootstrap(
        [np.asarray(values, dtype=float) for values in strata],
        statistic,
        confidence_level=share,
        method="percentile",
        batch=max(1, DRAWN // sum(map(len, strata))),
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
