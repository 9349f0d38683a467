"""Section 4: distances between the units of trained, pruned and random agents."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sb3_prune_clusters import (
    Dendrograms,
    Distances,
    all_distances,
    layer_distances,
)
from sb3_prune_clusters.distances import upper
from stable_baselines3 import DQN

from benchmarks.clusters import pruning
from benchmarks.clusters.agents import arms, results_of, trained
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import mapped, pruned_agent
from sb3_prune import runs
from sb3_prune.analysis import compare, random_like
from sb3_prune.files import atomic
from sb3_prune.recording import Recording, record_episodes
from sb3_prune.recording.activations import record_activations
from sb3_prune.runs import Job
from sb3_prune.runs.jobs import read

KINDS = ("random", "trained", "pruned")
INPUTS = ("own", "shared")
"""Whose observations: those of each agent's own episodes, or the trained agent's."""
Statistics = dict[str, Any]


def agents_of(budget: Budget, seed: int) -> dict[str, DQN]:
    """Return a random network, the trained agent, and the agent after all rounds."""
    dense = trained(budget, 3, budget.map_width, seed)
    return {
        "random": random_like(dense, seed=seed),
        "trained": dense,
        "pruned": pruned_agent(budget, mapped(budget, 3, seed)),
    }


def recordings(budget: Budget, seed: int) -> dict[str, dict[str, Recording]]:
    """Return what three agents do on their own observations, and on shared ones.

    The shared observations are those of the trained agent's 500 episodes (20 in the
    smoke budget).
    """
    agents = agents_of(budget, seed)
    episodes = 500 if budget.name != "smoke" else 20
    own = {
        kind: record_episodes(
            agent, arms(3, 250), episodes=episodes, seed=4_000_000, progress=False
        )
        for kind, agent in agents.items()
    }
    seen = own["trained"]
    shared = {kind: replayed(agent, seen) for kind, agent in agents.items()}
    return {"own": own, "shared": shared}


def replayed(agent: DQN, seen: Recording) -> Recording:
    """Return what an agent's units do on the observations of another's episodes.

    Args:
        agent: The agent.
        seen: Episodes of one length, as those of arms are.
    """
    shape = seen.rewards.shape
    flat = np.asarray(seen.observations).reshape(-1, seen.observations.shape[-1])
    found = record_activations(agent, flat).items()
    units = {name: each.cpu().numpy().reshape(*shape, -1) for name, each in found}
    return replace(seen, activations=units)


def statistics(recording: Recording) -> Statistics:
    """Return statistics of the distances between units that are not silent."""
    speaking = {
        name: units[:, :, ~recording.silent(name)]
        for name, units in recording.activations.items()
        if not recording.silent(name).all()
    }
    whole = upper(all_distances(speaking))
    layers = [float(upper(d).mean()) for d in layer_distances(speaking).values()]
    silent = [int(recording.silent(name).sum()) for name in recording.activations]
    return {
        "mean": float(whole.mean()),
        "std": float(whole.std()),
        "p5": float(np.percentile(whole, 5)),
        "p95": float(np.percentile(whole, 95)),
        "layers": layers,
        "silent": silent,
    }


def job_of(budget: Budget, seed: int) -> Job:
    """Return the job that looks at the agents of a seed."""
    return Job(
        name=f"looks/{budget.map_width}-{seed}",
        function=look,
        arguments={"budget": budget, "seed": seed},
        settings={"pruned": pruning.job_of(budget, mapped(budget, 3, seed)).settings},
    )


def look(folder: Path, budget: Budget, seed: int) -> dict[str, Any]:
    """Return, by inputs and kind of agent, the statistics of the distances."""
    del folder
    return {
        inputs: {kind: statistics(each) for kind, each in agents.items()}
        for inputs, agents in recordings(budget, seed).items()
    }


def carry_out(budget: Budget, executor: Executor) -> None:
    """Look at the agents of every seed that were not looked at yet."""
    jobs = [job_of(budget, seed) for seed in range(budget.agents)]
    runs.carry_out(jobs, results_of(budget), executor=executor, desc="looks")


def kept(budget: Budget, width: int) -> list[Mapping[str, Mapping[str, Statistics]]]:
    """Return what was found out about the agents of a width, by inputs and kind."""
    asked = replace(budget, map_width=width)
    jobs = [job_of(asked, seed) for seed in range(budget.agents)]
    found = [read(job, results_of(budget)) for job in jobs]
    return [each for each in found if each is not None]


def draw(budget: Budget, folder: Path, seed: int = 0) -> None:
    """Draw the distances and the trees of the agents of a seed."""
    recorded = recordings(budget, seed)
    figures = {
        "distances": compare(recorded["own"], Distances()).plot(),
        "dendrograms": compare(recorded["own"], Dendrograms()).plot(),
    }
    for name, figure in figures.items():
        with atomic(folder / f"clusters_{name}.png") as temporary:
            figure.savefig(temporary, dpi=80)
