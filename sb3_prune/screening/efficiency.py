"""Efficiency: what screening makes of the iterations that a batch of runs costs.

``SE = successes / total iterations`` (1). Equation numbers are those of Saad (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError, require_finite
from sb3_prune.screening.outcomes import Numbers, Outcomes, require_thresholds

DRAWN = 4 * 10**6
"""Numbers that a bootstrap holds at once, at most."""


def sample_efficiency(
    outcomes: Outcomes, threshold: float | None, window: float, above: bool = True
) -> float:
    """Return successes per iteration of a batch that is screened by a threshold (1).

    With kept runs K, of which run i takes n_i iterations and succeeds or not (s_i), and
    a window of w iterations, which a discarded run costs,

        SE = sum_K s_i / (sum_K n_i + w (runs - |K|)).

    A run that succeeds within the window is always kept: it has ended when it would be
    judged.

    Args:
        outcomes: What the runs come to if they go on.
        threshold: The threshold; None keeps all.
        window: Length of the window in iterations.
        above: Whether runs with a value of at least the threshold are kept, or others.

    Raises:
        ConfigError: The window is shorter than an iteration, or the threshold is NaN.
    """
    if threshold is None:
        return float(outcomes.successes.sum() / outcomes.iterations.sum())
    return float(efficiencies(outcomes, np.array([threshold]), window, above)[0])


def boost(
    outcomes: Outcomes, threshold: float, window: float, above: bool = True
) -> float:
    """Return the gain by a threshold, 100 (SE / SE of all runs - 1), in per cent (2).

    Raises:
        ConfigError: No run succeeds, so there is nothing to compare with.
    """
    require_success(outcomes)
    screened = sample_efficiency(outcomes, threshold, window, above)
    return 100 * (screened / sample_efficiency(outcomes, None, window) - 1)


def require_success(outcomes: Outcomes) -> None:
    """Check that a boost is defined.

    Raises:
        ConfigError: No run succeeds.
    """
    if not outcomes.successes.any():
        raise ConfigError(
            f"None of {len(outcomes)} runs succeeds (seeds {outcomes.seeds.min()} to "
            f"{outcomes.seeds.max()}), so their sample efficiency is 0 and no boost "
            "can be told."
        )


def efficiencies(
    outcomes: Outcomes, thresholds: Numbers, window: float, above: bool = True
) -> Numbers:
    """Return the sample efficiency (1) at each threshold, shape ``(thresholds,)``."""
    ones = np.ones((1, len(outcomes)))
    found = _weighted(outcomes, thresholds, window, above, ones)
    return np.asarray(found[0])


def redrawn(
    outcomes: Outcomes,
    thresholds: Numbers,
    window: float,
    above: bool = True,
    *,
    draws: int = 2_000,
    seed: int = 0,
) -> tuple[Numbers, Numbers]:
    """Return efficiencies of batches whose seeds are drawn anew (bootstrap).

    Returns:
        Efficiencies at the thresholds, shape ``(draws, thresholds)``, and without
        screening, shape ``(draws,)``, of the same draws.
    """
    parts = [
        (
            _weighted(outcomes, thresholds, window, above, counts),
            (counts @ outcomes.successes) / (counts @ outcomes.iterations),
        )
        for counts in _counts(len(outcomes), draws, len(thresholds), seed)
    ]
    screened, plain = zip(*parts, strict=True)
    return np.concatenate(screened), np.concatenate(plain)


def percentiles(drawn: Numbers, share: float = 0.95) -> tuple[Numbers, Numbers]:
    """Return the ends of the percentile interval along the first axis."""
    outside = 50 * (1 - share)
    low, high = np.percentile(drawn, [outside, 100 - outside], axis=0)
    return low, high


def boost_interval(
    outcomes: Outcomes,
    threshold: float,
    window: float,
    above: bool = True,
    *,
    share: float = 0.95,
    draws: int = 10_000,
) -> tuple[float, float]:
    """Return the percentile interval of the boost (2) over seeds, in per cent.

    It is too narrow for few runs or few successes: see :func:`boost_p_value`. Draws
    without a success have no boost and are left out.

    Raises:
        ConfigError: No run succeeds.
    """
    require_success(outcomes)
    one = np.array([threshold])
    screened, plain = redrawn(outcomes, one, window, above, draws=draws)
    some = plain > 0
    low, high = percentiles(100 * (screened[some, 0] / plain[some] - 1), share)
    return float(low), float(high)


def boost_p_value(
    outcomes: Outcomes,
    threshold: float,
    window: float,
    above: bool = True,
    *,
    permutations: int = 9_999,
    seed: int = 0,
) -> float:
    """Return how often a boost (2) is as far up or down if values say nothing.

    Permutes which runs the threshold keeps (two-sided permutation test; if there are
    not more permutations than ``permutations`` at all, each is taken once). It is exact
    for few runs and few successes, where the bootstrap's interval is too narrow.

    Raises:
        ConfigError: No run succeeds.
    """
    from scipy.stats import permutation_test  # noqa: PLC0415  # A second.

    require_success(outcomes)
    early = outcomes.early(window)
    kept = outcomes.kept(threshold, above)[~early].astype(float)
    if len(kept) <= 1 or np.ptp(kept) == 0:
        return 1.0  # There is nothing to permute.
    spent, won = outcomes.iterations[~early], outcomes.successes[~early]
    spent_early = outcomes.iterations[early].sum()

    def efficiency(drawn: Numbers, axis: int = -1) -> Numbers:
        keeps = np.moveaxis(drawn, axis, -1)
        cost = keeps @ spent + window * (1 - keeps).sum(axis=-1) + spent_early
        return np.asarray((keeps @ won + early.sum()) / cost)

    found = permutation_test(
        (kept,),
        efficiency,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=permutations,
        batch=max(1, DRAWN // len(outcomes)),
        random_state=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def _counts(
    runs: int, draws: int, thresholds: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield how often each run is drawn, in parts of shape ``(some draws, runs)``."""
    generator = np.random.default_rng(seed)
    most = max(1, DRAWN // max(runs, thresholds))
    for begin in range(0, draws, most):
        size = min(most, draws - begin)
        yield generator.multinomial(runs, np.full(runs, 1 / runs), size)


def _weighted(
    outcomes: Outcomes,
    thresholds: Numbers,
    window: float,
    above: bool,
    counts: NDArray[Any],
) -> Numbers:
    """Return efficiencies of batches that have each run ``counts`` times.

    Sums over the runs at each side of a threshold are differences of cumulative sums in
    the order of values, so that all thresholds cost one pass.
    """
    require_finite("window", window, 1)
    require_thresholds(thresholds)
    early = outcomes.early(window)
    order = np.argsort(outcomes.values, kind="stable")
    places = np.searchsorted(outcomes.values[order], thresholds, side="left")

    def kept(quantity: NDArray[Any]) -> Numbers:
        """Sum a quantity of each run over the kept ones, by draw and threshold."""
        sums = np.zeros((len(counts), len(outcomes) + 1))
        drawn = counts * quantity
        np.cumsum((drawn * ~early)[:, order], axis=1, out=sums[:, 1:])
        below = sums[:, places]
        always = drawn[:, early].sum(axis=1, keepdims=True)
        return np.asarray(always + (sums[:, -1:] - below if above else below))

    discarded = counts.sum(axis=1, keepdims=True) - kept(np.ones(len(outcomes)))
    total = kept(outcomes.iterations) + window * discarded
    return np.asarray(kept(outcomes.successes) / total)
