"""Section 5: size and retraining effort, by threshold, by reading, by initial width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sb3_prune_clusters import ClustersConfig, prune_in_rounds
from stable_baselines3 import DQN
from stable_baselines3.common.utils import LinearSchedule

from benchmarks.clusters.agents import (
    ARMS,
    arms,
    folder_of,
    load,
    results_of,
    trained,
)
from benchmarks.clusters.budget import Budget
from sb3_prune.evaluation import success_rate
from sb3_prune.files import atomic
from sb3_prune.runs import Job
from sb3_prune.runs.jobs import read


@dataclass(frozen=True, kw_only=True)
class Case:
    """One agent and the way to prune it."""

    joints: int
    """Number of joints of the arm."""
    width: int
    """Initial units of each layer."""
    seed: int
    """Seed of the agent."""
    reading: str
    """The reference distance of the threshold: ``layer``, ``global`` or ``pair``."""
    tau: float
    """Threshold, as a share of the reference distance."""
    rounds: int
    """Number of rounds of merging and retraining."""

    @property
    def name(self) -> str:
        """Name of the result's files."""
        agent = f"{self.joints}x{self.width}-{self.seed}"
        return f"{agent}-{self.reading}-{self.tau:g}-{self.rounds}"

    def path(self, budget: Budget) -> Path:
        """Return the zip of the pruned agent, which is beside the result."""
        return folder_of(budget) / "rounds" / f"{self.name}.zip"


MIN_UNITS = 8
"""Smallest number of units in a layer.

Agents with layers of five units or fewer did not pass the test again in any of three
trials.
"""
FRESH_SEED = 1_900_000_000
"""Seed of the fresh episodes in which agents are scored at the end."""
READINGS = (
    ("layer", 0.2),
    ("layer", 0.3),
    ("layer", 0.4),
    ("pair", 0.15),
    ("global", 0.2),
)
"""(reading, tau) pairs that are compared at one width."""
EXTREMES = (("layer", 0.2), ("layer", 0.4))
"""(reading, tau) pairs for the other widths."""


def cases(budget: Budget) -> Iterator[Case]:
    """Return all cases of a budget, the most informative ones first."""
    for seed in range(budget.agents):
        for width in budget.widths:
            for reading, tau in READINGS if width == budget.read_width else EXTREMES:
                yield Case(
                    joints=3,
                    width=width,
                    seed=seed,
                    reading=reading,
                    tau=tau,
                    rounds=budget.rounds,
                )
    for seed in range(budget.agents):
        for joints in budget.joints:
            yield mapped(budget, joints, seed)
    for seed in range(budget.agents):
        for tau in budget.taus:
            yield Case(
                joints=3,
                width=budget.sweep_width,
                seed=seed,
                reading="layer",
                tau=tau,
                rounds=1,
            )


def mapped(budget: Budget, joints: int, seed: int) -> Case:
    """Return the case whose pruned agent is projected."""
    return Case(
        joints=joints,
        width=budget.map_width,
        seed=seed,
        reading="layer",
        tau=0.2,
        rounds=budget.rounds,
    )


def job_of(budget: Budget, case: Case) -> Job:
    """Return the job of a case; its result has the ``rounds``."""
    sizes = {
        "updates": budget.updates,
        "retrain": budget.retrain,
        "episodes": budget.episodes,
        "min_units": MIN_UNITS,
    }
    return Job(
        name=f"rounds/{case.name}",
        function=prune,
        arguments={"budget": budget, "case": case},
        settings={"case": case, **sizes},
    )


def pruned(budget: Budget, case: Case) -> list[dict[str, Any]] | None:
    """Return the rounds of a case; None if its job is not done."""
    found = read(job_of(budget, case), results_of(budget))
    return None if found is None else list(found["rounds"])


def pruned_agent(budget: Budget, case: Case) -> DQN:
    """Return the pruned agent of a case."""
    return load(case.path(budget), case.joints)


def prune(folder: Path, budget: Budget, case: Case) -> dict[str, Any]:
    """Prune the agent of a case and save it; return its rounds."""
    del folder  # Minutes of retraining need no checkpoints.
    agent = trained(budget, case.joints, case.width, case.seed)
    agent.learning_rate = LinearSchedule(1e-3, 1e-4, 1.0)
    agent._setup_lr_schedule()
    tests = arms(case.joints, 300)
    rounds = prune_in_rounds(
        agent,
        arms(case.joints),
        tests,
        config=ClustersConfig(
            tau=case.tau,
            reading=case.reading,  # type: ignore[arg-type]
            min_units=MIN_UNITS,
            episodes=budget.episodes,
        ),
        rounds=case.rounds,
        max_steps_per_round=budget.retrain * ARMS,
        seed=20_000_000 * (case.seed + 1),
        progress=False,
    )
    fresh = success_rate(agent, tests, episodes=1000, seed=FRESH_SEED)
    records = [asdict(done) | {"units": dict(done.units)} for done in rounds]
    records[-1]["fresh_success"] = fresh
    with atomic(case.path(budget)) as temporary:
        agent.save(temporary)
    return {"rounds": records}
