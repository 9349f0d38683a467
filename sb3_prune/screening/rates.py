"""Rates: how many runs succeed in time, all of them against those that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sb3_prune.screening.outcomes import Outcomes

LIMITS = (3_000, 5_000)
"""Iterations within which Saad (2023) counts successes."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Successes among some runs."""

    successes: int
    """Number of runs that succeed."""
    runs: int
    """Number of runs."""
    share: float | None
    """Share of them that succeeds; None if there are no runs."""
    interval: tuple[float, float] | None
    """Wilson's interval of the share, of 95 %."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Success rates within one limit."""

    limit: float
    """Iterations within which a run must succeed."""
    all: Rate
    """Of all runs."""
    kept: Rate
    """Of the runs that nobody gives up."""
    p_value: float | None
    """Probability of shares of kept and discarded runs that differ as much or more, if
    screening does not matter (Fisher's exact test); None if all or none are kept."""


def success_rates(
    outcomes: Outcomes,
    threshold: float,
    above: bool = True,
    limits: Iterable[float] = LIMITS,
    window: float = 0,
) -> list[Rates]:
    """Return the success rates of all runs and of the kept ones, for each limit.

    Runs that succeed within the ``window`` are kept whatever their value, as nobody
    gives them up.

    Raises:
        ConfigError: Unsuccessful runs were shorter than a limit.
    """
    kept = outcomes.kept(threshold, above) | outcomes.early(window)
    found = []
    for limit in limits:
        successes = outcomes.within(limit).successes
        found.append(
            Rates(
                limit=limit,
                all=rate(int(successes.sum()), len(outcomes)),
                kept=rate(int(successes[kept].sum()), int(kept.sum())),
                p_value=_p_value([successes[kept], successes[~kept]]),
            )
        )
    return found


def rate(successes: int, runs: int) -> Rate:
    """Return a share with its interval."""
    if not runs:
        return Rate(successes=0, runs=0, share=None, interval=None)
    # scipy.stats loads for a second; few who import us need it.
    from scipy.stats import binomtest  # noqa: PLC0415

    found = binomtest(successes, runs).proportion_ci(method="wilson")
    return Rate(
        successes=successes,
        runs=runs,
        share=successes / runs,
        interval=(float(found.low), float(found.high)),
    )


def _p_value(sides: list[NDArray[np.bool_]]) -> float | None:
    if not all(len(side) for side in sides):
        return None
    from scipy.stats import fisher_exact  # noqa: PLC0415

    table = [[int(side.sum()), int((~side).sum())] for side in sides]
    return float(fisher_exact(table).pvalue)
