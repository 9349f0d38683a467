"""Running: train agents of some seeds, each once for all screeners and readings."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from benchmarks.screening.budget import WINDOW, Budget, Part, Setup
from benchmarks.screening.readings import CHOSEN, GREEDY, LEVELS, STEPS, Goal
from sb3_prune.evaluation.episodes import play
from sb3_prune.files import write_text
from sb3_prune.runs import Job
from sb3_prune.screening import ScreeningCallback, SolvedAt
from sb3_prune.screening.solving import SolvedCallback

RESULTS = Path("benchmarks/results/screening")
"""Folder of results, which is in the repository."""
ROOT = Path("runs/screening")
"""Folder of unfinished jobs."""
RATE = 2.5e-3
"""Learning rate, as in the source."""
EVERY, PLAYED, PLAY_SEED = 500, 5, 1_000_003
"""Environment steps between greedy evaluations, their episodes, and their seed."""
OPTIONS = {"guided-entropy": {"others": "plain"}}
"""Options of screeners. The source has 128 units also where tanh follows the second
layer, and guiding changes nothing there."""


def job_of(budget: Budget, part: Part, seeds: range) -> Job:
    """Return the job that trains agents of some seeds."""
    longest = STEPS[CHOSEN.iteration] if budget.judged else max(STEPS.values())
    level = LEVELS[CHOSEN.level][part.setup.limit]
    solved = Goal(level=level, episodes=CHOSEN.episodes) if budget.judged else None
    given = {
        "setup": part.setup,
        "seeds": [seeds.start, seeds.stop],
        "steps": budget.iterations * longest,
        "solved": solved,
        "units": part.units,
    }
    name = f"{seeds.start:05}-{seeds.stop - 1:05}"
    return Job(
        name=f"{budget.folder}/{part.setup.name}/{name}",
        function=train_many,
        arguments=given,
        settings=json.loads(
            json.dumps(
                {
                    **given,
                    "setup": asdict(part.setup),
                    "solved": solved and asdict(solved),
                    "options": OPTIONS,
                }
            )
        ),
    )


def train_many(
    folder: Path,
    setup: Setup,
    seeds: Sequence[int],
    steps: int,
    solved: Goal | None,
    units: bool,
) -> dict[str, Any]:
    """Train agents one after the other; a stopped job goes on behind its last seed.

    Args:
        folder: Folder of the seeds that are done while others are not.
        setup: The kind of agent.
        seeds: First seed, and the one after the last.
        steps: Environment steps of a training.
        solved: When a training ends before; None also evaluates greedily, for all
            readings.
        units: Whether to keep the entropies of units.
    """
    runs = []
    for seed in range(*seeds):
        path = folder / f"{seed}.json"
        if not path.is_file():
            run = train(setup, seed, steps, solved, units)
            write_text(path, json.dumps(run))
        runs.append(json.loads(path.read_text("utf-8")))
    return {"runs": runs}


def train(
    setup: Setup, seed: int, steps: int, solved: Goal | None, units: bool
) -> dict[str, Any]:
    """Train one agent and measure it by all screeners at once.

    Returns:
        ``values`` by screener; ``units``, their entropies by screener and layer;
        ``steps``, environment steps in all. With a goal ``solved_at``, the steps after
        which it was reached, or None. Without one ``lengths`` of the finished training
        episodes, which are their returns, and ``greedy``, pairs of steps and return.
    """
    began, model = time.process_time(), build(setup, seed)
    watching = {
        name: ScreeningCallback(name, OPTIONS.get(name), details=units)
        for name in setup.screeners
    }
    goal = _goal(setup, solved)
    model.learn(steps, [*watching.values(), goal])
    found: dict[str, Any] = {
        "seed": seed,
        "values": {n: value_of(c) for n, c in watching.items()},
        "steps": model.num_timesteps,
        "cpu_seconds": round(time.process_time() - began, 2),
    }
    if units:
        found["units"] = {n: rounded(c.details or {}) for n, c in watching.items()}
    if solved is not None:
        return {**found, "solved_at": goal.steps}
    env = model.get_env()
    assert env is not None and isinstance(goal, Greedy)
    (lengths,) = env.env_method("get_episode_lengths")
    return {**found, "lengths": lengths, "greedy": goal.found}


def _goal(setup: Setup, solved: Goal | None) -> Greedy | SolvedCallback:
    """Return what ends a training when it has reached its goal."""
    if solved is None:
        return Greedy(setup)
    if solved.episodes == GREEDY:
        return Greedy(setup, solved.level)
    return SolvedCallback(SolvedAt(**asdict(solved)), WINDOW)


def build(setup: Setup, seed: int) -> A2C:
    """Build an untrained agent, as in the source."""
    model = A2C(
        "MlpPolicy",
        Monitor(make(setup)),
        learning_rate=RATE,
        policy_kwargs={"activation_fn": nn.ReLU if setup.relu else nn.Tanh},
        seed=seed,
        device="cpu",
    )
    if setup.relu:
        both = model.policy.mlp_extractor
        for net in (both.policy_net, both.value_net):
            net[3] = nn.Tanh()  # It has no weights, and its first ones are drawn alike.
    model.set_logger(Logger(None, []))
    return model


def make(setup: Setup) -> gym.Env[Any, Any]:
    """Make the environment: CartPole-v1 whose episodes end where the setup says."""
    return gym.make("CartPole-v1", max_episode_steps=setup.limit)


class Greedy(BaseCallback):
    """Keeps the mean greedy return at regular steps, and does not change the training.

    Args:
        setup: The kind of agent.
        level: Mean return at which ``learn()`` is stopped.

    Attributes:
        found: Pairs of environment steps and mean return.
        steps: Environment steps when the level was reached; None before.
    """

    def __init__(self, setup: Setup, level: float = math.inf) -> None:
        super().__init__()
        self.level = level
        self.steps: int | None = None
        self.env: VecEnv = make_vec_env(lambda: make(setup), PLAYED)
        self.found: list[tuple[int, float]] = []

    def _on_step(self) -> bool:
        if self.num_timesteps % EVERY == 0:
            done = play(self.model, self.env, episodes=PLAYED, seed=PLAY_SEED)
            mean = sum(episode.total for episode in done) / len(done)
            self.found.append((self.num_timesteps, mean))
            if mean >= self.level:
                self.steps = self.num_timesteps
        return self.steps is None


def value_of(callback: ScreeningCallback) -> float:
    """Return what a screener measured, with the digits that are kept."""
    assert callback.value is not None, "every training is longer than the window"
    return round(callback.value, 6)


def rounded(details: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return entropies of units with the digits that are kept."""
    return {n: [round(each, 3) for each in found] for n, found in details.items()}
