"""Section 6: how well do an agent's units predict those of an agent of another arm?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sb3_prune_clusters import project_agents

from benchmarks.clusters import pruning
from benchmarks.clusters.agents import arms, folder_of
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import mapped, pruned_agent
from sb3_prune import runs
from sb3_prune.analysis import random_like
from sb3_prune.runs import Job

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


def job_of(budget: Budget, mapping: Mapping) -> Job:
    """Return the job of a projection; its result has the metrics."""
    source, target = (
        pruning.job_of(budget, mapped(budget, joints, seed)).settings
        for joints, seed in (
            (mapping.source, _next(budget, mapping.seed)),
            (mapping.target, mapping.seed),
        )
    )
    return Job(
        name=f"maps/{mapping.name}",
        function=project,
        arguments={"budget": budget, "mapping": mapping},
        settings={"mapping": mapping, "source": source, "target": target},
    )


def _next(budget: Budget, seed: int) -> int:
    return (seed + 1) % budget.agents


def project(folder: Path, budget: Budget, mapping: Mapping) -> dict[str, Any]:
    """Project one agent onto another; return the metrics."""
    del folder
    other = _next(budget, mapping.seed)
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


def carry_out(budget: Budget, executor: Executor) -> list[dict[str, Any]]:
    """Return every projection of a budget with its metrics."""
    every = {mapping.name: mapping for mapping in mappings(budget)}
    found = runs.carry_out(
        [job_of(budget, mapping) for mapping in every.values()],
        folder_of(budget),
        executor=executor,
        desc="maps",
    )
    return [asdict(m) | found[f"maps/{name}"] for name, m in every.items()]
