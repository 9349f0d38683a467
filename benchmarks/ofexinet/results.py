"""Results: the finished trainings of a budget, by variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from sb3_prune_xinet.anatomy import complexity_terms

from benchmarks.ofexinet.budget import OFE, VARIANTS, Budget, Task, Variant
from benchmarks.ofexinet.running import build, read


def scored_from(budget: Budget, task: Task) -> float:
    """Return the share of training from which on evaluations count.

    It is the same for all variants in an environment: none is scored while the gates of
    another one still draw. They do in an evaluation at ``end`` itself, which comes
    before thetas are rounded: see :attr:`Run.late`.
    """
    return max(1 - budget.scored, budget.in_task(task).end)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished training."""

    seed: int
    """Seed of the training."""
    since: float
    """Share of training from which on evaluations count."""
    end: float
    """Share of training at which thetas are rounded; evaluations count after it."""
    history: Sequence[Mapping[str, Any]]
    """The evaluations of the training, in order."""

    @property
    def late(self) -> list[float]:
        """Returns of the evaluations that count."""
        return [float(row["return"]) for row in self.late_rows]

    @property
    def late_rows(self) -> list[Mapping[str, Any]]:
        """The evaluations that count, none of which is of gates that draw."""
        steps = self.history[-1]["timesteps"]
        begin, end = self.since * steps, self.end * steps
        return [
            r for r in self.history if r["timesteps"] >= begin and r["timesteps"] > end
        ]

    @property
    def score(self) -> float:
        """Best evaluation that counts."""
        return max(self.late)

    @property
    def mean(self) -> float:
        """Mean of the evaluations that count."""
        return float(np.mean(self.late))

    @property
    def gaps(self) -> list[float]:
        """Gaps of the features' normalisation, at every evaluation."""
        return _gaps(self.history)

    @property
    def late_gaps(self) -> list[float]:
        """Those after the first fifth of training."""
        return _gaps(self.history[len(self.history) // 5 :])

    @property
    def terms(self) -> Mapping[str, float]:
        """Number of parameters at the end, by part of the agent."""
        terms: Mapping[str, float] = self.history[-1]["terms"]
        return terms

    @property
    def units(self) -> Mapping[str, int]:
        """Number of units of every layer at the end."""
        units: Mapping[str, int] = self.history[-1]["units"]
        return units

    @property
    def cpu_seconds(self) -> float:
        """Processor time of training, without evaluations."""
        return float(self.history[-1]["cpu_seconds"])

    @property
    def seconds(self) -> float:
        """Wall-clock time of training, without evaluations."""
        return float(self.history[-1]["seconds"])


def _gaps(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(row["feature_gap"]) for row in rows if "feature_gap" in row]


class Results(dict[str, list[Run]]):
    """The finished trainings in one environment, by variant.

    Attributes:
        built: Variant -> part of the agent -> parameters before training.
        since: Share of training from which on evaluations count.
        end: Share of training at which thetas are rounded; they count after it.
    """

    def __init__(self, budget: Budget, task: Task) -> None:
        super().__init__()
        self.since = scored_from(budget, task)
        self.end = budget.in_task(task).end
        variants = [v for v in VARIANTS if v.name in budget.variants]
        self.built = {v.name: _built(budget, task, v) for v in (*variants, OFE)}
        for variant in variants:
            for seed in budget.seeds:
                if found := read(budget, task, variant, seed):
                    run = Run(seed=seed, since=self.since, end=self.end, **found)
                    self.setdefault(variant.name, []).append(run)

    def pairs(self, name: str, other: str) -> list[tuple[Run, Run]]:
        """Return the runs of two variants that have the same seed, side by side."""
        theirs = {run.seed: run for run in self.get(other, ())}
        ours = self.get(name, ())
        return [(run, theirs[run.seed]) for run in ours if run.seed in theirs]

    def size(self, name: str, part: str) -> float:
        """Return the mean number of parameters of a part at the end of training.

        For a variant without finished trainings, it is the number before training.
        """
        return mean_size(self[name], part) if name in self else self.built[name][part]


def mean_size(runs: Sequence[Run], part: str) -> float:
    """Return the mean number of parameters of a part at the end of some trainings."""
    return float(np.mean([run.terms[part] for run in runs]))


def _built(budget: Budget, task: Task, variant: Variant) -> Mapping[str, float]:
    env = gym.make(task.env, **task.kwargs)
    return complexity_terms(build(budget, task, variant, 0, env))
