"""Running: train the old agent, a transplant and one from scratch, with one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.transplants.tasks import Task
from benchmarks.transplants.worlds import World
from sb3_prune.evaluation.episodes import play
from sb3_prune.runs import Job
from sb3_prune.transplanting import NewActions, TransplantReport, transplant_into

RESULTS = Path("benchmarks/results/transplants")
"""Folder of results, which is in the repository."""
TEST_SEED = 3_000_003
"""Seed of the episodes that agents are tested in: the same for all."""
Curve = list[tuple[int, float]]
"""Steps and mean greedy return."""


def job_of(task: Task, seed: int) -> Job:
    """Return the job of a task and a seed."""
    name = task.name.replace(", ", "-").replace(" ", "-")
    return Job(
        name=f"{name}/{seed}",
        function=train,
        arguments={"task": task, "seed": seed},
        settings={**asdict(task), "seed": seed, "test_seed": TEST_SEED},
    )


class Watch(BaseCallback):
    """Keeps the mean greedy return at regular steps of a training.

    Args:
        env: Environments of the tests, one for each episode.
        every: Environment steps from one test to the next.
    """

    def __init__(self, env: VecEnv, every: int) -> None:
        super().__init__()
        self.env, self.every = env, every
        self.last = 0
        """Number of the test that comes behind the training, not during it."""
        self.found: Curve = []

    def _on_training_start(self) -> None:
        if not self.found:
            self.look()

    def _on_step(self) -> bool:
        count = len(self.found)
        if count < self.last and self.num_timesteps >= self.every * count:
            self.look()
        return True

    def look(self) -> None:
        """Test the agent."""
        count = self.env.num_envs
        done = play(self.model, self.env, episodes=count, seed=TEST_SEED)
        mean = sum(episode.total for episode in done) / count
        self.found.append((self.model.num_timesteps, round(mean, 3)))


def train(folder: Path, task: Task, seed: int) -> dict[str, Any]:
    """Train three agents; return their curves and what was transplanted.

    The agent from scratch trains as long as the transplant, and then as long again as
    the old agent has: its second part has had as many steps as both of them together.

    Args:
        folder: Folder of the job, which is not used: a training takes minutes.
        task: The experiment.
        seed: Seed of the agents.
    """
    del folder
    before, after = task.steps
    old = build(task, task.old, task.arches[0], seed)
    found = {"old": curve(old, task, task.old, before)}
    new = build(task, task.new, task.arches[1], seed, task.begins)
    report = transplant_into(
        new,
        old,
        observations=task.observations,
        actions=task.actions,
        new_actions=NewActions(rule=task.rule),
    )
    found["transplanted"] = curve(new, task, task.new, after)
    scratch = build(task, task.new, task.arches[1], seed)
    found["from scratch"] = curve(scratch, task, task.new, after, before)
    return {**found, "report": _told(report)}


def build(
    task: Task,
    world: World,
    net_arch: Any,
    seed: int,
    begins: Mapping[str, Any] | None = None,
) -> BaseAlgorithm:
    """Build an untrained agent; ``begins`` are settings of a transplanted one."""
    cls = getattr(stable_baselines3, task.algorithm)
    made: BaseAlgorithm = cls(
        "MlpPolicy",
        world.make(task.envs),
        seed=seed,
        device="cpu",
        policy_kwargs={"net_arch": net_arch},
        **{**task.settings, **(begins or {})},
    )
    return made


def curve(model: BaseAlgorithm, task: Task, world: World, *legs: int) -> Curve:
    """Train an agent and return its greedy return over the steps.

    Args:
        model: The agent.
        task: The experiment.
        world: Where it is tested.
        *legs: Environment steps of each call of ``learn()``.
    """
    watch = Watch(world.make(task.episodes), task.every)
    for leg in legs:
        watch.last += leg // task.every
        model.learn(leg, watch, reset_num_timesteps=not watch.found)
        watch.look()
    return watch.found


def _told(report: TransplantReport) -> dict[str, Any]:
    names = ("carried", "new", "dropped", "moved", "states", "rule", "left")
    return {name: getattr(report, name) for name in names}
