"""Running: train the old agent, a transplant and one from scratch, with one seed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.transplants.tasks import Task
from sb3_prune.evaluation.episodes import play
from sb3_prune.runs import Job
from sb3_prune.transplanting import transplant

RESULTS = Path("benchmarks/results/transplants")
"""Folder of results, which is in the repository."""
TEST_SEED = 3_000_003
Curve = list[tuple[int, float]]
"""Steps and mean greedy return."""


def job_of(task: Task, seed: int) -> Job:
    """Return the job of a task and a seed."""
    settings: dict[str, Any] = json.loads(json.dumps({**asdict(task), "seed": seed}))
    name = task.name.replace(", ", "-").replace(" ", "-")
    given = {"task": task, "seed": seed}
    return Job(
        name=f"{name}/{seed}", function=train, arguments=given, settings=settings
    )


class Watch(BaseCallback):
    """Keeps the mean greedy return at regular steps of a training."""

    def __init__(self, env: VecEnv, every: int, episodes: int) -> None:
        super().__init__()
        self.env, self.every, self.episodes = env, every, episodes
        self.found: Curve = []

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.every * len(self.found):
            self.look()
        return True

    def look(self) -> None:
        """Evaluate the agent."""
        done = play(self.model, self.env, episodes=self.episodes, seed=TEST_SEED)
        mean = sum(episode.total for episode in done) / len(done)
        self.found.append((self.num_timesteps, mean))


def train(folder: Path, task: Task, seed: int) -> dict[str, Any]:
    """Train three agents; return their curves.

    Args:
        folder: Folder of the job, which is not used: a training takes minutes.
        task: The experiment.
        seed: Seed of the agents.
    """
    del folder
    old = build(task, seed, old=True)
    found = {"old": curve(old, task, old=True)}
    new = transplant(
        old,
        env=task.make(old=False),
        net_arch=list(task.arches[1]),
        seed=seed,
        **task.maps(),
    )
    found["transplanted"] = curve(new, task, old=False)
    found["from scratch"] = curve(build(task, seed, old=False), task, old=False)
    return found


def build(task: Task, seed: int, *, old: bool) -> DQN:
    """Build an untrained agent."""
    kwargs = {"net_arch": list(task.arches[0 if old else 1])}
    env = task.make(old=old)
    return DQN(
        "MlpPolicy",
        env,
        seed=seed,
        device="cpu",
        policy_kwargs=kwargs,
        **task.settings,
    )


def curve(model: DQN, task: Task, *, old: bool) -> Curve:
    """Train an agent and return its greedy return over the steps."""
    test = make_vec_env(lambda: task.make(old=old), task.episodes)
    watch = Watch(test, task.steps // task.points, task.episodes)
    model.learn(task.steps, watch)
    watch.look()
    return watch.found
