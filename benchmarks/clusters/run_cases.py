"""Carry out the pruning cases of a budget, several processes side by side."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor

import torch
from tqdm import tqdm

from benchmarks.clusters.agents import main_settings, trained
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import Case, cases, pruned


def _agent(job: tuple[Budget, int, int, int]) -> None:
    torch.set_num_threads(1)
    trained(*job)


def _case(job: tuple[Budget, Case]) -> str:
    torch.set_num_threads(1)
    began = time.perf_counter()
    rounds = pruned(*job)
    units = [sum(done["units"].values()) for done in rounds]
    return f"{job[1].name}: {units} in {time.perf_counter() - began:.0f} s"


def carry_out(budget: Budget, workers: int) -> None:
    """Train every agent, then prune every case; skip results that are saved."""
    agents = [
        (budget, joints, width, seed)
        for seed in range(budget.agents)
        for joints, width in main_settings(budget)
    ]
    jobs = [(budget, case) for case in dict.fromkeys(cases(budget))]
    with ProcessPoolExecutor(workers) as pool:
        for _ in tqdm(pool.map(_agent, agents), total=len(agents), desc="agents"):
            pass
        for line in tqdm(pool.map(_case, jobs), total=len(jobs), desc="cases"):
            tqdm.write(line)
