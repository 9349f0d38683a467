"""Experiments: the rows of the source's tables, and ours from the kept trainings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.screening.budget import BUDGETS, SETUPS, WINDOW, Setup
from benchmarks.screening.readings import CHOSEN, Run, Runs
from sb3_prune.screening import Judgement, Outcomes, classify_faster, judge
from sb3_prune.screening.classifying import FOLDS, Verdict

TRAIN = 500
"""Seeds below this one are for training, the others are held out, as in the source."""
LIMIT = BUDGETS["small"].iterations
"""Iterations that a training without success has had."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Success rates that the source tells of an experiment, in per cent."""

    limit: int
    """Iterations within which a run succeeds."""
    all: float
    """Of all training seeds."""
    kept: float
    """Of those that the threshold keeps."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A screener of a kind of agent, with what the source found."""

    setup: Setup
    """The kind of agent."""
    screener: str
    """Name of the screener."""
    threshold: float | None
    """The source's threshold; None if it did not try this screener here."""
    train: float | None
    """Its boost of the training seeds, in per cent."""
    test: float | None
    """Its boost of the held-out seeds; None if it had none."""
    rates: Rates | None = None
    """Its success rates, if it tells them."""
    large: bool = False
    """Whether it had 10,000 seeds. Of ours, even ones are then for training and odd
    ones held out, so that any number of them can be judged."""
    classified: bool = False
    """Whether it says what a classifier made of the entropies of units."""

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.setup.name}, {self.screener}"

    def is_train(self, seed: int) -> bool:
        """Tell whether thresholds are chosen on a seed."""
        return seed % 2 == 0 if self.large else seed < TRAIN


def _rows() -> Iterator[Experiment]:
    tanh, longer, relu = (SETUPS[name] for name in ("tanh-v0", "tanh-v1", "relu-v0"))
    plain, weighted, guided = "entropy", "gradient-entropy", "guided-entropy"
    for setup, screener, threshold, train, test, rates in (
        (tanh, plain, 1.35, 19.07, 4.64, (3_000, 50.4, 58.8)),
        (relu, plain, 1.05, 27.89, -5.01, (5_000, 23.8, 30.4)),
        (longer, plain, 1.20, 5.25, -1.95, (3_000, 62.0, 64.2)),
        (longer, weighted, None, None, None, None),
        (tanh, weighted, 1.09, 19.53, -7.24, None),
        (relu, weighted, 0.88, 19.32, 77.48, (5_000, 20.8, 23.8)),
        (relu, guided, 0.58, 71.38, 16.53, (5_000, 20.8, 33.3)),
        (tanh, plain, 1.10, 0.81, None, None),
        (tanh, weighted, 0.84, 2.19, None, (5_000, 72.9, 73.1)),
    ):
        named = dict(zip(("limit", "all", "kept"), rates, strict=True)) if rates else {}
        yield Experiment(
            setup=setup,
            screener=screener,
            threshold=threshold,
            train=train,
            test=test,
            rates=Rates(**named) if named else None,  # type: ignore[arg-type]
            large=train is not None and test is None,
            classified=test is not None and screener != weighted,
        )


EXPERIMENTS = tuple(_rows())
"""Rows of the source's tables 1 and 2 and of section 6, two of 10,000 seeds, and a
screener that it did not try on v1."""


def outcomes(runs: Sequence[Run], screener: str) -> Outcomes:
    """Return what trainings came to under the chosen reading."""
    solved = [iterations(run) for run in runs]
    return Outcomes(
        seeds=np.array([run["seed"] for run in runs]),
        values=np.array([run["values"][screener] for run in runs], float),
        iterations=np.array([LIMIT if n is None else n for n in solved], float),
        successes=np.array([n is not None for n in solved], bool),
    )


def iterations(run: Run) -> int | None:
    """Return the iterations until a training succeeded; None if it did not in time."""
    steps = run["solved_at"]
    count = None if steps is None else CHOSEN.count(steps)
    return None if count is None or count > LIMIT else count


@dataclass(frozen=True, kw_only=True)
class Found:
    """What our trainings say of an experiment."""

    experiment: Experiment
    """The experiment."""
    train: Outcomes
    """Outcomes of the training seeds."""
    test: Outcomes
    """Outcomes of the held-out seeds."""
    judgement: Judgement
    """What they say."""
    classified: Mapping[str, Verdict]
    """What a classifier makes of entropies of units; empty if it was not asked, or too
    few training seeds are faster than the median."""

    @property
    def seeds(self) -> int:
        """Number of seeds, which may be fewer than the source's."""
        return len(self.train) + len(self.test)

    @property
    def boosts(self) -> tuple[float, float]:
        """Boosts of the training and of the held-out seeds, in per cent."""
        sweep = self.judgement.sweep
        return sweep.train_gain.boost, sweep.test_gain.boost


def found(small: Runs, paper: Runs) -> list[Found]:
    """Judge all experiments of which there are trainings that succeed on both sides.

    Args:
        small: Trainings of the small budget.
        paper: All trainings, for the experiments with 10,000 seeds.
    """
    made = []
    for experiment in EXPERIMENTS:
        runs = (paper if experiment.large else small).get(experiment.setup.name, ())
        if experiment.large and len(runs) <= len(small.get(experiment.setup.name, ())):
            continue  # Nothing that the small budget does not have.
        sides = split(experiment, runs)
        if all(any(iterations(run) is not None for run in side) for side in sides):
            made.append(_judged(experiment, *sides))
    return made


def split(
    experiment: Experiment, runs: Sequence[Run]
) -> tuple[Sequence[Run], Sequence[Run]]:
    """Return the trainings of training seeds and those of held-out ones."""
    train = [run for run in runs if experiment.is_train(run["seed"])]
    return train, [run for run in runs if not experiment.is_train(run["seed"])]


def _judged(experiment: Experiment, train: Sequence[Run], test: Sequence[Run]) -> Found:
    screener = experiment.screener
    sides = [outcomes(side, screener) for side in (train, test)]
    limit = experiment.rates.limit if experiment.rates else LIMIT
    classified: Mapping[str, Verdict] = {}
    fast = sides[0].iterations < np.median(sides[0].iterations)
    if experiment.classified and fast.sum() >= FOLDS:
        arrays = [_units(side, screener) for side in (train, test)]
        classified = classify_faster(sides[0], arrays[0], sides[1], arrays[1])
    window = CHOSEN.count(WINDOW)
    return Found(
        experiment=experiment,
        train=sides[0],
        test=sides[1],
        judgement=judge(*sides, window=window, limits=[limit]),
        classified=classified,
    )


def _units(runs: Sequence[Run], screener: str) -> np.ndarray:
    layers = [run["units"][screener].values() for run in runs]
    return np.array([np.concatenate(list(each)) for each in layers])
