"""Section 4: distances between the units of trained, pruned and random agents."""

from __future__ import annotations

import json
from collections import defaultdict
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
from tqdm import tqdm

from benchmarks.clusters.agents import arms, folder_of, trained
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import Case, pruned_agent
from sb3_prune.analysis import compare, random_like
from sb3_prune.files import atomic, write_text
from sb3_prune.recording import Recording, record_episodes

KINDS = ("random", "trained", "pruned")


def agents_of(budget: Budget, seed: int) -> dict[str, DQN]:
    """Return a random network, the trained agent, and the agent after all rounds."""
    width = budget.sweep_width
    dense = trained(budget, 3, width, seed)
    case = Case(
        joints=3,
        width=width,
        seed=seed,
        reading="layer",
        tau=0.2,
        rounds=budget.rounds,
    )
    return {
        "random": random_like(dense, seed=seed),
        "trained": dense,
        "pruned": pruned_agent(budget, case),
    }


def recordings(budget: Budget, seed: int) -> dict[str, Recording]:
    """Record 500 episodes of each of the three agents (fewer with the smoke budget)."""
    episodes = 500 if budget.name != "smoke" else 20
    return {
        kind: record_episodes(
            agent, arms(3, 250), episodes=episodes, seed=4_000_000, progress=False
        )
        for kind, agent in agents_of(budget, seed).items()
    }


def statistics(recording: Recording) -> dict[str, Any]:
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


def carry_out(budget: Budget, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the statistics of every agent; draw the distances of the first agent."""
    path = folder_of(budget) / "distances.json"
    if path.exists():
        saved: dict[str, list[dict[str, Any]]] = json.loads(path.read_text())
        return saved
    found = defaultdict(list)
    for seed in tqdm(range(budget.agents), desc="distances"):
        recorded = recordings(budget, seed)
        for kind, recording in recorded.items():
            found[kind].append(statistics(recording))
        if seed == 0:
            _draw(recorded, folder)
    write_text(path, json.dumps(found))
    return dict(found)


def _draw(recorded: dict[str, Recording], folder: Path) -> None:
    figures = {
        "distances": compare(recorded, Distances()).plot(),
        "dendrograms": Dendrograms().analyze(recorded["trained"]).plot(),
    }
    for name, figure in figures.items():
        with atomic(folder / f"clusters_{name}.png") as temporary:
            figure.savefig(temporary, dpi=80)
