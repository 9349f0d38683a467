"""Readings: what "iteration" and "solved" may mean, which the source does not say.

Everything is computed from the lengths of a training's episodes, which are their
returns in CartPole, and from greedy evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.screening.budget import ROLLOUT, SETUPS, Setup
from sb3_prune.screening.rates import Rate, rate

Run = Mapping[str, Any]
"""The result of a seed, see :func:`benchmarks.screening.running.train`."""
Runs = Mapping[str, Sequence[Run]]
"""Name of a setup -> the results of its seeds."""

STEPS = {"environment steps": 1, "updates": ROLLOUT}
"""What an iteration may be -> environment steps of one."""
LEVELS: Mapping[str, Mapping[int, float]] = {
    "195": {200: 195.0, 500: 195.0},
    "195 and 475": {200: 195.0, 500: 475.0},
    "to the end": {200: 200.0, 500: 500.0},
}
"""Name -> mean return that is asked for, by the length of the environment's episodes:
v0's level in both, that of each in Gymnasium's register, or that no pole falls."""
EPISODES = (1, 3, 5, 10, 100)
"""Numbers of last training episodes whose mean return is asked for."""
GREEDY = 0
"""Stands for a greedy evaluation instead."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """When a training has succeeded, and may end."""

    level: float
    """Mean return that is asked for."""
    episodes: int
    """Training episodes whose mean return counts, or ``GREEDY``."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One meaning of "solved within so many iterations"."""

    iteration: str
    """What an iteration is, a name in ``STEPS``."""
    episodes: int
    """Training episodes whose mean return counts, or ``GREEDY``."""
    level: str
    """Return that is asked for, a name in ``LEVELS``."""

    def solved(self, run: Run, setup: Setup) -> int | None:
        """Return the iterations until a training was solved; None if it was not."""
        level = LEVELS[self.level][setup.limit]
        steps = solved_at(run, self.episodes, level)
        return None if steps is None else self.count(steps)

    def count(self, steps: int) -> int:
        """Return the number of iterations that have begun after so many steps."""
        return math.ceil(steps / STEPS[self.iteration])

    def __str__(self) -> str:
        return f"{self.iteration}, {self.judged}, {self.level}"

    @property
    def judged(self) -> str:
        """What is judged by its mean return, in words."""
        what = f"last {self.episodes}" if self.episodes > 1 else "one episode"
        return "greedy" if self.episodes == GREEDY else what


READINGS = [
    Reading(iteration=iteration, episodes=episodes, level=level)
    for iteration in STEPS
    for episodes in (*EPISODES, GREEDY)
    for level in LEVELS
]
CHOSEN = Reading(iteration="environment steps", episodes=1, level="195")
"""The reading with which the other budgets go on. On 100 seeds of each net it is off
by 26.6 points and the greedy evaluation by 26.2, which so few seeds do not tell apart;
all others by 32 or more. It needs no evaluations. It was chosen at 45 seeds of each."""


def solved_at(run: Run, episodes: int, level: float) -> int | None:
    """Return the environment steps after which a training was solved, or None."""
    if episodes == GREEDY:
        return next((steps for steps, mean in run["greedy"] if mean >= level), None)
    ends = np.cumsum(run["lengths"])
    before = np.concatenate([[0], ends])
    if len(ends) < episodes:
        return None
    means = (ends[episodes - 1 :] - before[: len(ends) - episodes + 1]) / episodes
    good = np.flatnonzero(means >= level)
    return int(ends[episodes - 1 + good[0]]) if len(good) else None


@dataclass(frozen=True, kw_only=True)
class Told:
    """A success rate that the source tells."""

    setup: Setup
    """The kind of agent."""
    limit: int
    """Iterations within which a training succeeds."""
    share: float
    """Share of the trainings that do."""


TOLD = (
    Told(setup=SETUPS["tanh-v0"], limit=3_000, share=0.504),
    Told(setup=SETUPS["tanh-v1"], limit=3_000, share=0.620),
    Told(setup=SETUPS["tanh-v0"], limit=5_000, share=0.729),
    Told(setup=SETUPS["relu-v0"], limit=5_000, share=0.208),
)
"""ReLU nets: 20.8 % stands in sections 5.2 and 6.1; section 4.2 says 23.8 %."""


def measured(reading: Reading, told: Told, runs: Sequence[Run]) -> Rate:
    """Return the success rate of our trainings, with Wilson's interval."""
    solved = [reading.solved(run, told.setup) for run in runs]
    return rate(sum(n is not None and n <= told.limit for n in solved), len(runs))


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How near a reading comes to the source's rates."""

    reading: Reading
    """The reading."""
    rates: tuple[Rate, ...]
    """Our rates, in the order of ``TOLD``."""

    @property
    def distance(self) -> float:
        """Root of the mean squared difference to the source's rates, in points."""
        return _distance(self._pairs())

    @property
    def tanh_distance(self) -> float:
        """The same by the nets of tanh alone."""
        return _distance([each for each in self._pairs() if not each[1].setup.relu])

    @property
    def held(self) -> int:
        """Number of rates of the source that are in the intervals of ours."""
        pairs = self._pairs()
        return sum(
            r.interval is not None and r.interval[0] <= t.share <= r.interval[1]
            for r, t in pairs
        )

    def _pairs(self) -> list[tuple[Rate, Told]]:
        return list(zip(self.rates, TOLD, strict=True))


def _distance(pairs: Sequence[tuple[Rate, Told]]) -> float:
    off = [100 * ((rate.share or 0) - told.share) for rate, told in pairs]
    return float(np.sqrt(np.mean(np.square(off))))


def fits(runs: Runs) -> list[Fit]:
    """Return all readings, the nearest first; none if a kind of agent is missing."""
    if not all(runs.get(told.setup.name) for told in TOLD):
        return []
    found = [
        Fit(
            reading=reading,
            rates=tuple(measured(reading, t, runs[t.setup.name]) for t in TOLD),
        )
        for reading in READINGS
    ]
    return sorted(found, key=lambda fit: fit.distance)
