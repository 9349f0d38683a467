"""Pace: training steps per second in every phase of Prune-B, side by side.

``python -m benchmarks.ofexinet.pace`` compares OFE-Big, OFE-Big while its thetas are
learnt, and agents with the final sizes of Prune-B. They take turns in one run; the
times include the environment and the features extractor. The results are in pace.json,
beside those of the small budget.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch

import sb3_prune as sp
from benchmarks.harness import Table, rates, ratio
from benchmarks.ofexinet import cost
from benchmarks.ofexinet.budget import BUDGETS, OFE_BIG, PRUNE_B, Budget, Task
from benchmarks.ofexinet.results import Results, Run
from benchmarks.ofexinet.running import RESULTS, build
from sb3_prune.files import write_text

STEPS = 40
"""Training steps per turn."""
FILLED = 400
"""Number of random transitions in the buffer."""
LEARNING = "thetas learning"


def path_of(budget: Budget) -> Path:
    """Return the path of a budget's pace.json."""
    return RESULTS / budget.name / "pace.json"


def training(
    budget: Budget,
    task: Task,
    units: Mapping[str, int] | None = None,
    *,
    learning: bool = False,
) -> Callable[[], int]:
    """Return a function that trains OFE-Big for :data:`STEPS` steps.

    Args:
        budget: Sizes of OFE-Big.
        task: The environment.
        units: Units to which each layer is cut; None cuts nothing.
        learning: Learn thetas, but remove no unit.
    """
    env = gym.make(task.env, **task.kwargs)
    model: Any = build(budget, task, OFE_BIG, 0, env)
    callbacks: list[Any] = [sp.FeatureCallback(pretraining=0)]
    model.learning_starts = FILLED
    model.learn(FILLED, callbacks)
    if units is not None:
        sp.apply(model, _cut(model, units))
    if learning:
        pruning = sp.PruningCallback("xinet", cost.LEARNING, total_timesteps=10**9)
        callbacks.append(pruning)

    def work() -> int:
        model.learn(STEPS, callbacks, reset_num_timesteps=False)
        return STEPS

    return work


def _cut(model: Any, units: Mapping[str, int]) -> sp.Plan:
    layers = sp.wire(model.policy).items()
    return sp.Plan(
        {n: sp.surgery.keep(range(units[n]), layer.units) for n, layer in layers}
    )


def seconds_per_cut(budget: Budget, task: Task) -> float:
    """Return the median time that the callback needs to remove one unit of OFE-Big."""
    env = gym.make(task.env, **task.kwargs)
    model: Any = build(budget, task, OFE_BIG, 0, env)
    pruning = sp.PruningCallback("xinet", {"begin": 0.0}, total_timesteps=10**9)
    both = [sp.FeatureCallback(pretraining=0), pruning]
    model.learning_starts = FILLED
    model.learn(FILLED + 1, both)  # Creates the thetas, all equal to 1.
    pruning.on_training_start({}, {})
    seconds = []
    for name, units in sp.wire(model.policy).units().items():
        gate = sp.wire(model.policy)[name].gate
        assert gate is not None and gate.theta is not None
        gate.theta.data[0] = 0
        began = time.perf_counter()
        pruning.on_rollout_end()
        seconds.append(time.perf_counter() - began)
        assert sp.wire(model.policy)[name].units == units - 1
    return statistics.median(seconds)


def run(budget: Budget, rounds: int = 9) -> Table:
    """Compare the steps per second in every environment that has results."""
    columns = ["environment", "agent", "steps/s", "times OFE-Big", "whole training %"]
    table = Table("Training steps per second, side by side in one run", columns)
    for task in budget.tasks:
        runs = Results(budget, task)
        if {OFE_BIG.name, PRUNE_B.name} <= runs.keys():
            found = _rates(budget, task, runs, rounds)
            shares = _whole_trainings(budget, task, runs, found)
            for name, values in found.items():
                pace = [statistics.median(values), ratio(values, found[OFE_BIG.name])]
                whole = f"{100 * shares[name]:.1f}" if name in shares else "-"
                table.rows.append([task.label, name, *pace, whole])
            for name, share in shares.items():
                text = f"{task.label}, {name}: trains in less time than OFE-Big"
                table.claim(f"{text} (by these paces at most {share:.1%})", share < 1)
    return table


def _rates(
    budget: Budget, task: Task, runs: Results, rounds: int
) -> dict[str, list[float]]:
    contenders = {
        OFE_BIG.name: training(budget, task),
        LEARNING: training(budget, task, learning=True),
    }
    for name, run in _pruned(runs).items():
        contenders[name] = training(budget, task, run.units)
    return rates(contenders, rounds)


def _pruned(runs: Results) -> dict[str, Run]:
    return {label_of(run): run for run in runs[PRUNE_B.name]}


def label_of(run: Run) -> str:
    """Return the name of a training of Prune-B in the table."""
    return f"{PRUNE_B.name}, seed {run.seed}"


def _whole_trainings(
    budget: Budget, task: Task, runs: Results, found: Mapping[str, list[float]]
) -> dict[str, float]:
    big, units = found[OFE_BIG.name], sum(runs[OFE_BIG.name][0].units.values())
    per_unit = seconds_per_cut(budget, task) * statistics.median(big) / task.steps
    return {
        name: whole_training(
            budget.in_task(task),
            learning=ratio(found[LEARNING], big),
            left=ratio(found[name], big),
            cuts=per_unit * (units - sum(run.units.values())),
        )
        for name, run in _pruned(runs).items()
    }


def whole_training(
    budget: Budget, *, learning: float, left: float, cuts: float
) -> float:
    """Return an upper bound of Prune-B's training time, relative to OFE-Big's.

    The bound assumes that every unit is removed only when thetas are rounded, and by a
    cut of its own. In fact, most units are removed long before.

    Args:
        budget: When thetas begin to learn, and when they are rounded.
        learning: Steps per second while thetas learn, relative to OFE-Big.
        left: Steps per second after removal, relative to OFE-Big.
        cuts: Time of all cuts, relative to OFE-Big's training time.
    """
    begin, end = budget.begin, budget.end
    return begin + (end - begin) / learning + (1 - end) / left + cuts


def main() -> None:
    """Measure, and write the results."""
    torch.set_num_threads(1)
    budget = BUDGETS["small"]
    table = run(budget)
    write_text(path_of(budget), json.dumps(asdict(table), indent=1))
    print(table.markdown())


if __name__ == "__main__":
    main()
