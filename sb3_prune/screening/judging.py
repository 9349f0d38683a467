"""Judging: all statistics of a screener at once, and what they say in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sb3_prune.screening.independence import Relation, relation
from sb3_prune.screening.outcomes import Outcomes
from sb3_prune.screening.rates import LIMITS, Rates, success_rates
from sb3_prune.screening.sweep import Gain, Sweep, sweep_thresholds


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What runs of training seeds and of held-out seeds say of a screener."""

    sweep: Sweep
    """Thresholds, the chosen one, and its boosts."""
    rates: tuple[Rates, ...]
    """Success rates of the held-out seeds by the chosen threshold."""
    relation: Relation | None
    """Are values and iterations of the held-out seeds related? None where all values or
    all iterations are equal, so that this cannot be asked."""

    @property
    def verdict(self) -> str:
        """Whether screening pays, in a sentence."""
        return verdict_of(self.sweep.test_gain)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers that JSON can store."""
        found = self.sweep
        curves = {
            name: {key: np.asarray(each).tolist() for key, each in asdict(c).items()}
            for name, c in {"train": found.train, "test": found.test}.items()
        }
        return {
            "verdict": self.verdict,
            "threshold": found.chosen,
            "train": asdict(found.train_gain),
            "test": asdict(found.test_gain),
            "rates": [asdict(each) for each in self.rates],
            "relation": None if self.relation is None else asdict(self.relation),
            "thresholds": found.thresholds.tolist(),
            "curves": curves,
        }


def judge(
    train: Outcomes,
    test: Outcomes,
    *,
    window: float,
    above: bool = True,
    step: float = 0.01,
    limits: Iterable[float] = LIMITS,
) -> Judgement:
    """Choose a threshold on training runs and judge it on held-out ones, in every way.

    Args:
        train: Runs on which the threshold is chosen.
        test: Runs on which it is judged.
        window: Iterations that a discarded run costs.
        above: Whether runs with a value of at least the threshold are kept, or others.
        step: Distance of the thresholds.
        limits: Iterations within which successes are counted.

    Raises:
        ConfigError: A seed is in both, no run of one of them succeeds, a number is out
            of range, or unsuccessful runs were shorter than a limit.
    """
    found = sweep_thresholds(train, test, window=window, above=above, step=step)
    varied = np.ptp(test.values) > 0 and np.ptp(test.iterations) > 0
    return Judgement(
        sweep=found,
        rates=tuple(success_rates(test, found.chosen, above, limits, window)),
        relation=relation(test) if varied else None,
    )


def verdict_of(gain: Gain) -> str:
    """Return what the boost of held-out seeds says, in a sentence."""
    low, high = gain.interval
    told = f"{gain.boost:+.1f} % (95 % interval {low:+.1f} to {high:+.1f}"
    told += ")" if gain.p_value is None else f", p = {gain.p_value:.2g})"
    if gain.kept == 1:
        return "The chosen threshold gives up no run of the held-out seeds."
    if gain.kept == 0:
        return "The chosen threshold gives up every run of the held-out seeds."
    if gain.pays:
        return f"Screening pays on held-out seeds: sample efficiency {told}."
    if gain.costs:
        return f"Screening costs on held-out seeds: sample efficiency {told}."
    return f"No effect can be told on held-out seeds: sample efficiency {told}."
