"""Sweep: a threshold chosen on some seeds and judged on others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sb3_prune.exceptions import ConfigError, require_finite
from sb3_prune.screening.efficiency import (
    boost,
    boost_interval,
    boost_p_value,
    efficiencies,
    percentiles,
    redrawn,
    require_success,
    sample_efficiency,
)
from sb3_prune.screening.outcomes import Numbers, Outcomes


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Sample efficiency (1) of one batch at every threshold, in successes/iteration."""

    efficiency: Numbers
    """The efficiency, shape ``(thresholds,)``."""
    low: Numbers
    """Lower end of its bootstrap interval over seeds, threshold by threshold."""
    high: Numbers
    """Upper end."""
    plain: float
    """Efficiency without screening."""


SURE = 0.05
"""Largest p-value at which a threshold counts as related to what it keeps."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Boost (2) of one batch by the chosen threshold, in per cent."""

    boost: float
    """The boost."""
    interval: tuple[float, float]
    """Its bootstrap interval over seeds. That of training seeds ignores that the
    threshold was chosen on them, and is too far up."""
    kept: float
    """Share of the runs that are kept, those that succeed within the window, too."""
    p_value: float | None = None
    """Of held-out seeds the probability of a boost as far up or down if values say
    nothing (permutation test); None of training seeds, which chose the threshold."""

    @property
    def pays(self) -> bool:
        """Whether the boost is surely positive: by interval and permutation test.

        The interval alone is too narrow for few successes.
        """
        return self.interval[0] > 0 and self._is_sure

    @property
    def costs(self) -> bool:
        """Whether the boost is surely negative; without any kept run it is -100 %."""
        return self.kept == 0 or (self.interval[1] < 0 and self._is_sure)

    @property
    def _is_sure(self) -> bool:
        return self.p_value is not None and self.p_value <= SURE


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What :func:`sweep_thresholds` finds."""

    thresholds: Numbers
    """All thresholds, upwards."""
    chosen: float
    """The one with the highest efficiency of the training runs; the lowest of equals
    if runs above it are kept, else the highest: it discards the fewest."""
    train: Curve
    """Efficiencies of the training seeds."""
    test: Curve
    """Efficiencies of the held-out seeds."""
    train_gain: Gain
    """Boost of the training seeds, on which the threshold was chosen: too good."""
    test_gain: Gain
    """Boost of the held-out seeds: the honest one."""


def sweep_thresholds(
    train: Outcomes,
    test: Outcomes,
    *,
    window: float,
    above: bool = True,
    step: float = 0.01,
    share: float = 0.95,
) -> Sweep:
    """Choose a threshold on training runs, and judge it on held-out ones.

    Args:
        train: Runs on which the threshold with the highest efficiency is chosen.
        test: Runs on which it is judged; nothing is chosen by them.
        window: Iterations that a discarded run costs.
        above: Whether runs with a value of at least the threshold are kept, or others.
        step: Distance of the thresholds, which are whole multiples of it.
        share: Coverage of the intervals.

    Raises:
        ConfigError: A seed is in both, no run of one of them succeeds, or a number is
            out of range.
    """
    shared = np.intersect1d(train.seeds, test.seeds)
    if len(shared):
        raise ConfigError(
            f"{len(shared)} seeds are both for training and held out, such as "
            f"{shared[:5].tolist()}: a threshold is judged on seeds of its own."
        )
    require_success(train)
    require_success(test)
    if not 0 < share < 1:
        raise ConfigError(f"share must be between 0 and 1, got {share!r}.")
    thresholds = grid(train.values, step)
    found = efficiencies(train, thresholds, window, above)
    # The first of equals; counted from the end if values below are kept.
    best = found.argmax() if above else len(found) - 1 - found[::-1].argmax()
    chosen = float(thresholds[best])
    return Sweep(
        thresholds=thresholds,
        chosen=chosen,
        train=_curve(train, thresholds, window, above, share),
        test=_curve(test, thresholds, window, above, share),
        train_gain=gain(train, chosen, window, above, share),
        test_gain=replace(
            gain(test, chosen, window, above, share),
            p_value=boost_p_value(test, chosen, window, above),
        ),
    )


def grid(values: Numbers, step: float) -> Numbers:
    """Return multiples of a step, from below the least value to above the largest.

    Raises:
        ConfigError: The step is below 1e-6, or so small that there would be more than
            100,000 thresholds.
    """
    require_finite("step", step, 1e-6)
    begin, end = math.floor(values.min() / step), math.floor(values.max() / step) + 1
    if end - begin > 10**5:
        raise ConfigError(
            f"step {step:g} is too small for values from {values.min():g} to "
            f"{values.max():g}: at most 100,000 thresholds."
        )
    # Rounded, because 135 * 0.01 is more than the 1.35 that a value may be.
    digits = 12 - math.floor(math.log10(step))
    found = [round(i * step, digits) for i in range(begin - 1, end + 2)]
    # Quotients are rounded, too: 0.58 / 0.01 is less than 58.
    first = 0 if found[1] > values.min() else 1
    last = len(found) if found[-2] <= values.max() else -1
    return np.array(found[first:last])


def gain(
    outcomes: Outcomes, threshold: float, window: float, above: bool, share: float
) -> Gain:
    """Return the boost of a batch by a threshold, with its interval."""
    return Gain(
        boost=boost(outcomes, threshold, window, above),
        interval=boost_interval(outcomes, threshold, window, above, share=share),
        kept=float((outcomes.kept(threshold, above) | outcomes.early(window)).mean()),
    )


def _curve(
    outcomes: Outcomes, thresholds: Numbers, window: float, above: bool, share: float
) -> Curve:
    drawn, _ = redrawn(outcomes, thresholds, window, above)
    low, high = percentiles(drawn, share)
    return Curve(
        efficiency=efficiencies(outcomes, thresholds, window, above),
        low=low,
        high=high,
        plain=sample_efficiency(outcomes, None, window),
    )
