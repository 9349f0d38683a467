"""Drawing: the figures of a sweep and of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_prune.plots.groups import Spread
from sb3_prune.plots.screening import entropy_figure, threshold_figure
from sb3_prune.screening.outcomes import Outcomes
from sb3_prune.screening.sweep import Sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_sweep(sweep: Sweep) -> Figure:
    """Draw thresholds against sample efficiency, with bands of the intervals."""
    curves = {"training seeds": sweep.train, "held-out seeds": sweep.test}
    spreads = {
        label: Spread(
            x=sweep.thresholds.tolist(),
            middle=curve.efficiency.tolist(),
            low=curve.low.tolist(),
            high=curve.high.tolist(),
        )
        for label, curve in curves.items()
    }
    plain = {label: curve.plain for label, curve in curves.items()}
    return threshold_figure(spreads, plain, sweep.chosen)


def plot_runs(outcomes: Outcomes, threshold: float, xlabel: str = "entropy") -> Figure:
    """Draw what was measured against the iterations that the runs took."""
    return entropy_figure(
        outcomes.values.tolist(),
        outcomes.iterations.tolist(),
        outcomes.successes.tolist(),
        threshold,
        xlabel=xlabel,
    )
