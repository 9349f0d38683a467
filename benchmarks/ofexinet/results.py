"""Results: the finished trainings of a budget, by variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from sb3_prune_xinet.anatomy import complexity_terms

from benchmarks.ofexinet.budget import VARIANTS, Budget, Task, Variant
from benchmarks.ofexinet.running import build, read

LAST = 0.2
"""Scores are from the evaluations in this last share of training (Table 3)."""


@dataclass(frozen=True)
class Run:
    """One finished training."""

    history: Sequence[Mapping[str, Any]]
    """The evaluations of the training, in order."""

    @property
    def score(self) -> float:
        """Best evaluation in the last fifth of training."""
        end = self.history[-1]["timesteps"]
        late = [r for r in self.history if r["timesteps"] >= (1 - LAST) * end]
        return float(max(row["return"] for row in late))

    @property
    def mean(self) -> float:
        """Mean of the evaluations in the last fifth of training."""
        end = self.history[-1]["timesteps"]
        late = [r for r in self.history if r["timesteps"] >= (1 - LAST) * end]
        return float(np.mean([row["return"] for row in late]))

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


class Results(dict[str, list[Run]]):
    """The finished trainings in one environment, by variant.

    Attributes:
        built: Variant -> part of the agent -> parameters before training.
    """

    def __init__(self, budget: Budget, task: Task) -> None:
        super().__init__()
        self.built = {v.name: _built(budget, task, v) for v in VARIANTS}
        for variant in VARIANTS:
            for seed in budget.seeds:
                if found := read(budget, task, variant, seed):
                    self.setdefault(variant.name, []).append(Run(**found))

    def size(self, name: str, part: str) -> float:
        """Return the mean number of parameters of a part at the end of training.

        For a variant without finished trainings, it is the number before training.
        """
        if name not in self:
            return self.built[name][part]
        return float(np.mean([run.terms[part] for run in self[name]]))


def _built(budget: Budget, task: Task, variant: Variant) -> Mapping[str, float]:
    env = gym.make(task.env, **task.kwargs)
    return complexity_terms(build(budget, task, variant, 0, env))
