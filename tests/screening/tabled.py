"""Tables of runs, made up: nothing was trained."""

from __future__ import annotations

import numpy as np

from sb3_prune.screening.outcomes import Outcomes


def outcomes(
    values: list[float], iterations: list[float], successes: list[int], first: int = 0
) -> Outcomes:
    """Make outcomes from lists, with seeds that count from ``first``."""
    return Outcomes(
        seeds=np.arange(first, first + len(values)),
        values=np.array(values, float),
        iterations=np.array(iterations, float),
        successes=np.array(successes, bool),
    )


FIVE = outcomes([1.0, 1.2, 0.8, 1.35, 1.1], [400, 200, 500, 100, 300], [0, 1, 0, 1, 1])
"""Two of three are fast above 1.1; the others take up to 500 iterations."""


def drawn(runs: int, first: int, effect: float = 0.0) -> Outcomes:
    """Draw runs of which high values help as much as ``effect``."""
    generator = np.random.default_rng(first)
    values = generator.normal(1.2, 0.12, runs)
    speed = generator.normal(0, 1, runs) - effect * (values - 1.2) / 0.12
    iterations = np.round(3_000 * np.exp(0.4 * speed))
    return Outcomes(
        seeds=np.arange(first, first + runs),
        values=values,
        iterations=np.minimum(iterations, 5_000),
        successes=iterations <= 5_000,
    )
