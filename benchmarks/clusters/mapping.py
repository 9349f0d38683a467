"""Section 6: how well do an agent's units predict those of an agent of another arm?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from sb3_prune_clusters import project_agents

from benchmarks.clusters import pruning
from benchmarks.clusters.agents import arms, results_of
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.pruning import mapped, pruned_agent
from sb3_prune import runs
from sb3_prune.analysis import random_like
from sb3_prune.runs import Job
from sb3_prune.runs.jobs import read

LAMBDA = 50.0
"""The paper's choice of lambda."""
LAMBDAS = (0.0, 5.0, 50.0, 500.0)
"""Values of lambda that are compared on arms of three joints."""
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
    itself: bool = False
    """Whether an agent is projected onto itself."""
    penalty: float = LAMBDA
    """lambda of the linear method."""
    width: int = 128
    """Initial width of both agents."""

    @property
    def kind(self) -> str:
        """Name of the source's kind, for tables."""
        if self.itself:
            return "itself"
        return "random source" if self.random else self.method

    @property
    def name(self) -> str:
        """Name of the result's file, in a folder per width."""
        more = "-random" * self.random + "-itself" * self.itself
        more += "" if self.penalty == LAMBDA else f"-{self.penalty:g}"
        pair = f"{self.source}-{self.target}-{self.seed}"
        return f"{self.width}/{pair}-{self.inputs}-{self.method}{more}"


def mappings(budget: Budget) -> Iterator[Mapping]:
    """Return all projections of a budget."""
    pairs = [p for p in PAIRS if set(p) <= set(budget.joints)]
    for seed in range(budget.agents):
        for source, target in pairs:
            same = {
                "source": source,
                "target": target,
                "seed": seed,
                "width": budget.map_width,
            }
            for inputs in ("naive",) if source == target else ("naive", "balanced"):
                yield Mapping(**same, inputs=inputs)  # type: ignore[arg-type]
            for options in ({"method": "greedy"}, {"random": True}):
                yield Mapping(**same, inputs="balanced", **options)  # type: ignore[arg-type]
    yield from sweep(budget)


def sweep(budget: Budget) -> Iterator[Mapping]:
    """Return the projections by lambda: from others, from random ones, from itself."""
    for seed in range(budget.agents):
        same = {"source": 3, "target": 3, "seed": seed, "width": budget.map_width}
        yield Mapping(**same, inputs="naive", method="greedy", itself=True)  # type: ignore[arg-type]
        for penalty in LAMBDAS:
            every: tuple[dict[str, Any], ...] = ({"itself": True},)
            if penalty != LAMBDA:  # The others are there already.
                every += ({}, {"random": True})
            for options in every:
                yield Mapping(**same, inputs="naive", penalty=penalty, **options)  # type: ignore[arg-type]


def job_of(budget: Budget, mapping: Mapping) -> Job:
    """Return the job of a projection; its result has the metrics."""
    source, target = (
        pruning.job_of(budget, case).settings for case in _cases(budget, mapping)
    )
    return Job(
        name=f"maps/{mapping.name}",
        function=project,
        arguments={"budget": budget, "mapping": mapping},
        settings={"mapping": mapping, "source": source, "target": target},
    )


def _cases(budget: Budget, mapping: Mapping) -> tuple[pruning.Case, pruning.Case]:
    """Return the cases of the source and of the target."""
    ours = mapping.seed if mapping.itself else (mapping.seed + 1) % budget.agents
    both = ((mapping.source, ours), (mapping.target, mapping.seed))
    made = [replace(mapped(budget, *each), width=mapping.width) for each in both]
    return made[0], made[1]


def project(folder: Path, budget: Budget, mapping: Mapping) -> dict[str, Any]:
    """Project one agent onto another; return the metrics."""
    del folder
    source, target = (pruned_agent(budget, c) for c in _cases(budget, mapping))
    report = project_agents(
        random_like(source) if mapping.random else source,
        target,
        arms(mapping.target, 100),
        method=mapping.method,
        penalty=mapping.penalty,
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


def carry_out(budget: Budget, executor: Executor) -> None:
    """Carry out every projection of a budget that is not kept yet."""
    every = {mapping.name: mapping for mapping in mappings(budget)}
    runs.carry_out(
        [job_of(budget, mapping) for mapping in every.values()],
        results_of(budget),
        executor=executor,
        desc="maps",
    )


def kept(budget: Budget) -> list[dict[str, Any]]:
    """Return the finished projections, those of other widths among them."""
    found = []
    for width in (budget.map_width, *budget.widths):
        for mapping in mappings(replace(budget, map_width=width)):
            result = read(job_of(budget, mapping), results_of(budget))
            if result is not None:
                found.append({**asdict(mapping), "kind": mapping.kind, **result})
    unique = {(*(str(one[f.name]) for f in fields(Mapping)),): one for one in found}
    return list(unique.values())
