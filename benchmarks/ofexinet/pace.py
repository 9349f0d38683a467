"""Pace: training steps per second at the sizes that pruning left, side by side.

``python -m benchmarks.ofexinet.pace`` lets OFE-Big and agents of the sizes that Prune-B
ended with take turns in one run, environment and extractor included, and writes
pace.json beside the results of the small budget.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch

import sb3_prune as sp
from benchmarks.harness import Table, rates, ratio
from benchmarks.ofexinet.budget import BUDGETS, OFE_BIG, PRUNE_B, Budget, Task
from benchmarks.ofexinet.results import Results
from benchmarks.ofexinet.running import RESULTS, build
from sb3_prune.files import write_text

STEPS = 40
"""Training steps per turn."""
FILLED = 400
"""Random transitions from which they learn."""


def path_of(budget: Budget) -> Path:
    """Return where the paces of a budget are kept."""
    return RESULTS / budget.name / "pace.json"


def training(budget: Budget, task: Task, units: Mapping[str, int]) -> Callable[[], int]:
    """Return a function that trains OFE-Big, cut to so many units, for some steps."""
    env = gym.make(task.env, **task.kwargs)
    model: Any = build(budget, task, OFE_BIG, 0, env)
    features = sp.FeatureCallback(pretraining=0)
    model.learning_starts = FILLED
    model.learn(FILLED, features)
    plan = {
        name: sp.surgery.keep(range(units[name]), layer.units)
        for name, layer in sp.wire(model.policy).items()
    }
    sp.apply(model, plan)

    def work() -> int:
        model.learn(STEPS, features, reset_num_timesteps=False)
        return STEPS

    return work


def run(budget: Budget, rounds: int = 9) -> Table:
    """Compare steps per second in every environment that has results."""
    columns = ["environment", "agent", "steps/s", "times OFE-Big"]
    table = Table("Training steps per second, side by side in one run", columns)
    for task in budget.tasks:
        runs = Results(budget, task)
        if {OFE_BIG.name, PRUNE_B.name} <= runs.keys():
            sizes = {OFE_BIG.name: runs[OFE_BIG.name][0].units}
            for i, found in enumerate(runs[PRUNE_B.name]):
                sizes[f"{PRUNE_B.name}, run {i + 1}"] = found.units
            _compare(table, budget, task, sizes, rounds)
    return table


def _compare(
    table: Table,
    budget: Budget,
    task: Task,
    sizes: Mapping[str, Mapping[str, int]],
    rounds: int,
) -> None:
    contenders = {n: training(budget, task, units) for n, units in sizes.items()}
    found = rates(contenders, rounds)
    for name, values in found.items():
        share = ratio(values, found[OFE_BIG.name])
        table.rows.append([task.label, name, statistics.median(values), share])
        if name != OFE_BIG.name:
            text = f"{task.label}, {name}: faster than OFE-Big ({share:.2f} times)"
            table.claim(text, share > 1)


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    budget = BUDGETS["small"]
    table = run(budget)
    write_text(path_of(budget), json.dumps(asdict(table), indent=1))
    print(table.markdown())


if __name__ == "__main__":
    main()
