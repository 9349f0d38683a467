"""Verdicts: does screening pay, for whom; computed, in five lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.screening.experiments import EXPERIMENTS, Found
from benchmarks.screening.readings import CHOSEN, TOLD, Fit
from sb3_prune.screening.sweep import Gain

SURE = 0.05
"""Largest p-value at which values and iterations count as related."""


def five_lines(nearest: Sequence[Fit], found: Sequence[Found]) -> list[str]:
    """Return the verdict.

    Args:
        nearest: All readings, the nearest to the source first; empty if not measured.
        found: Experiments that can be judged.
    """
    first = _reading(nearest) if nearest else "No reading was measured yet."
    if not found:
        return [first, "**No experiment was carried out yet**, so nothing is said."]
    rules = (_held_out, _optimism, _related, _for_whom)
    return [first, *(rule(found) for rule in rules)]


def _reading(nearest: Sequence[Fit]) -> str:
    best, whole = nearest[0], len(TOLD)
    (rank,) = (i for i, fit in enumerate(nearest, 1) if fit.reading == CHOSEN)
    fitting = [fit for fit in nearest if fit.held == whole]
    most = max(fit.held for fit in nearest)
    says = (
        f"{len(fitting)} of {len(nearest)} readings of the source have all {whole} of "
        "its success rates in their intervals"
        if fitting
        else f"None of {len(nearest)} readings of the source has all {whole} of its "
        f"success rates in its intervals, the best has {most}"
    )
    tanh = min(nearest, key=lambda fit: fit.tanh_distance)
    return (
        f"{says}; the nearest is off by {best.distance:.0f} points (root mean square), "
        f"and the one that we go on with is number {rank}. By the nets of tanh alone, "
        f"it would be “{tanh.reading}”, off by {tanh.tanh_distance:.0f} points."
    )


def _held_out(found: Sequence[Found]) -> str:
    gains = [each.judgement.sweep.test_gain for each in found]
    pays = sum(gain.pays for gain in gains)
    costs = sum(gain.costs for gain in gains)
    open_ = len(gains) - pays - costs
    missing = len(EXPERIMENTS) - len(found)
    more = (
        f" {missing} more cannot be judged: they were not carried out, or no training "
        "of one side succeeded."
        if missing
        else ""
    )
    return (
        f"On held-out seeds, screening raises the sample efficiency in {pays} of "
        f"{len(gains)} experiments, lowers it in {costs}, and in {open_} neither is "
        f"sure, by the interval of the boost and a permutation test (without any "
        f"effect, 1 in 40 would still seem to rise).{more}"
    )


def _optimism(found: Sequence[Found]) -> str:
    train, test = (float(np.mean([f.boosts[i] for f in found])) for i in (0, 1))
    return (
        f"Thresholds promise {train:+.1f} % on the seeds on which they were chosen and "
        f"give {test:+.1f} % on others (means over the experiments)."
    )


def _related(found: Sequence[Found]) -> str:
    known = [f.judgement.relation for f in found if f.judgement.relation is not None]
    sure = [each for each in known if each.p_value < SURE]
    largest = max((abs(each.correlation) for each in known), default=0.0)
    return (
        f"What is measured and the iterations are related (p < {SURE}) in {len(sure)} "
        f"of {len(known)} experiments (1 in 20 would be without any relation); the "
        f"largest rank correlation is {largest:.2f}."
    )


def _for_whom(found: Sequence[Found]) -> str:
    better = _named(found, lambda gain: gain.pays)
    worse = _named(found, lambda gain: gain.costs)
    warning = f" It costs with {worse}." if worse else ""
    if not better:
        return (
            "So here screening pays **for nobody**, as far as these seeds can tell."
            f"{warning}"
        )
    return f"So here screening pays with {better}, and not shown elsewhere.{warning}"


def _named(found: Sequence[Found], fits: Callable[[Gain], bool]) -> str:
    gains = [(f, f.judgement.sweep.test_gain) for f in found]
    return "; ".join(
        f"{f.experiment.name} ({gain.boost:+.1f} %, {f.seeds:,} seeds)"
        for f, gain in gains
        if fits(gain)
    )
