"""Gains: by how much a transplant beats training from scratch, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_prune.evaluation.intervals import interval

Curve = Sequence[Sequence[float]]
"""Steps and return of each test."""
Run = Mapping[str, Any]
"""Curves of one seed: ``old``, ``transplanted`` and ``from scratch``. The last one may
go on for as many tests as the old agent had, behind those of the transplant."""
ENOUGH = 5
"""Seeds without which there is no verdict."""
TAIL = 0.25
"""Share of the tests, the last ones, whose mean is how a training ends."""


@dataclass(frozen=True)
class Gain:
    """Differences between transplants and agents from scratch, one for each seed."""

    values: Sequence[float]
    """The differences; positive ones are in favour of the transplant."""

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.values))

    @property
    def verdict(self) -> str:
        """What follows: better, worse, undecided, or too few seeds."""
        sure = interval(self.values)
        if sure is None or len(self.values) < ENOUGH:
            return "too few seeds"
        if sure[0] > 0:
            return "better"
        return "worse" if sure[1] < 0 else "undecided"

    def __str__(self) -> str:
        sure = interval(self.values)
        between = "one seed" if sure is None else " to ".join(map(number, sure))
        return f"{number(self.mean)} ({between})"


def number(value: float) -> str:
    """Return a number with about three digits."""
    digits = 0 if abs(value) >= 100 or not value else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def head(run: Run) -> Curve:
    """Return the tests from scratch in as many steps as the transplant has."""
    return list(run["from scratch"][: len(run["transplanted"])])


def later(run: Run) -> Curve | None:
    """Return the tests from scratch beside which both have had as many steps in total.

    The old agent's steps count for the transplant then. None if the training from
    scratch was not as long.
    """
    count = len(run["transplanted"])
    if len(run["from scratch"]) != count + len(run["old"]) - 1:
        return None
    return list(run["from scratch"][-count:])


def mean(curve: Curve) -> float:
    """Return the mean return of all tests: the area under the curve."""
    return float(np.mean([value for _, value in curve]))


def in_return(runs: Sequence[Run]) -> Gain:
    """Return the gain in mean return, the old agent's steps not counted."""
    return Gain([mean(run["transplanted"]) - mean(head(run)) for run in runs])


def in_total(runs: Sequence[Run]) -> Gain | None:
    """Return the gain in mean return, the old agent's steps counted."""
    pairs = [(run["transplanted"], later(run)) for run in runs]
    found = [mean(ours) - mean(theirs) for ours, theirs in pairs if theirs is not None]
    return Gain(found) if len(found) == len(runs) else None


def threshold(runs: Sequence[Run]) -> float:
    """Return the return with which agents from scratch end, on average."""
    curves = [head(run) for run in runs]
    ends = [curve[-max(1, round(TAIL * len(curve))) :] for curve in curves]
    return float(np.mean([mean(end) for end in ends]))


def steps_until(curve: Curve, wanted: float) -> float:
    """Return the steps at the first test with a return; the last if it never comes."""
    return next((steps for steps, value in curve if value >= wanted), curve[-1][0])


def never(curves: Sequence[Curve], wanted: float) -> int:
    """Return the number of agents that never get to a return."""
    return sum(max(value for _, value in curve) < wanted for curve in curves)


def in_steps(runs: Sequence[Run]) -> Gain:
    """Return the steps that are saved until the threshold.

    An agent that never gets there counts as if it did with its last test.
    """
    wanted = threshold(runs)
    pairs = [(head(run), run["transplanted"]) for run in runs]
    return Gain([steps_until(a, wanted) - steps_until(b, wanted) for a, b in pairs])
