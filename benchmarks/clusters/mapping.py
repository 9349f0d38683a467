"""Section 6: how well do an agent's units predict those of an agent of another arm?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import torch
from sb3_prune_clusters import project_agents
from tqdm import tqdm

from benchmarks.clusters.agents import arms, folder_of
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import mapped, pruned_agent
from sb3_prune.analysis import random_like
from sb3_prune.files import write_text

PAIRS = ((3, 3), (2, 3), (3, 2), (2, 4), (4, 2), (3, 4), (4, 3))


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """One projection of an agent onto another."""

    source: int
    """Number of joints of the source's arm."""
    target: int
    """Number of joints of the target's arm."""
    seed: int
    """Seed of the target agent; the source agent has the next seed."""
    inputs: str
    """How the target's observations are converted for the source."""
    method: str = "linear"
    """``linear`` or ``greedy``."""
    random: bool = False
    """Whether the source is replaced by a random network of the same shape."""

    @property
    def name(self) -> str:
        """Name of the result's file."""
        random = "-random" if self.random else ""
        pair = f"{self.source}-{self.target}-{self.seed}"
        return f"{pair}-{self.inputs}-{self.method}{random}"


def mappings(budget: Budget) -> Iterator[Mapping]:
    """Return all projections of a budget."""
    pairs = [p for p in PAIRS if set(p) <= set(budget.joints)]
    for seed in range(budget.agents):
        for source, target in pairs:
            same = {"source": source, "target": target, "seed": seed}
            for inputs in ("naive",) if source == target else ("naive", "balanced"):
                yield Mapping(**same, inputs=inputs)  # type: ignore[arg-type]
            for options in ({"method": "greedy"}, {"random": True}):
                yield Mapping(**same, inputs="balanced", **options)  # type: ignore[arg-type]


def mapped_once(job: tuple[Budget, Mapping]) -> dict[str, Any]:
    """Return the metrics of a projection; compute them only if they are not saved."""
    budget, mapping = job
    path = folder_of(budget) / "maps" / f"{mapping.name}.json"
    if not path.exists():
        torch.set_num_threads(1)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(asdict(mapping) | _project(budget, mapping)))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _project(budget: Budget, mapping: Mapping) -> dict[str, Any]:
    other = (mapping.seed + 1) % budget.agents
    source = pruned_agent(budget, mapped(budget, mapping.source, other))
    target = pruned_agent(budget, mapped(budget, mapping.target, mapping.seed))
    report = project_agents(
        random_like(source) if mapping.random else source,
        target,
        arms(mapping.target, 100),
        method=mapping.method,
        transform=mapping.inputs,
        episodes=170,
        validation_episodes=300,
        seed=77,
    )
    return {
        "error": float(report.error),
        "saturation": float(report.saturation),
        "coverage": float(report.coverage),
        "layers": report.layers.tolist(),
    }


def carry_out(budget: Budget, workers: int) -> list[dict[str, Any]]:
    """Return the metrics of every projection of a budget."""
    jobs = [(budget, mapping) for mapping in mappings(budget)]
    with ProcessPoolExecutor(workers) as pool:
        return list(tqdm(pool.map(mapped_once, jobs), total=len(jobs), desc="maps"))
