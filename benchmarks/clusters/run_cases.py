"""Carry out the pruning cases of a budget, several processes side by side."""

from __future__ import annotations

from concurrent.futures import Executor

from tqdm import tqdm

from benchmarks.clusters import agents, pruning
from benchmarks.clusters.agents import main_settings, results_of
from benchmarks.clusters.budget import Budget
from sb3_prune import runs
from sb3_prune.runs.jobs import Job, Result


def tell(job: Job, result: Result) -> None:
    """Print a line about a case that has ended."""
    units = [sum(done["units"].values()) for done in result["rounds"]]
    tqdm.write(f"{job.name}: {units}")


def carry_out(budget: Budget, executor: Executor) -> None:
    """Train every agent, then prune every case; skip results that are saved."""
    first = [
        agents.job_of(budget, joints, width, seed)
        for seed in range(budget.agents)
        for joints, width in main_settings(budget)
    ]
    then = [
        pruning.job_of(budget, case) for case in dict.fromkeys(pruning.cases(budget))
    ]
    folder = results_of(budget)
    runs.carry_out(first, folder, executor=executor, desc="agents")
    runs.carry_out(then, folder, executor=executor, on_result=tell, desc="cases")
