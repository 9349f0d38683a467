"""Running: carry out one training; a stopped one goes on from its last checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from sb3_prune_dsp import PopsConfig, prune_by_pops
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import (
    VecEnv,
    VecNormalize,
    sync_envs_normalization,
)

import sb3_prune as sp
from benchmarks.shootout.budget import POPS, SMALL, WIDTHS, Budget, Method, Task
from sb3_prune.evaluation.episodes import play
from sb3_prune.pruning import make_strategy
from sb3_prune.runs import Job, checkpoints
from sb3_prune.strategies.distributions import Size, allocate

RESULTS = Path("benchmarks/results/shootout")
"""Folder of results, which is in the repository."""
ROOT = Path("runs/shootout")
"""Folder of unfinished trainings."""
TEST_SEED, EVALUATION_SEED = 1_000_003, 2_000_003
EVALUATED = 3
"""Episodes of an evaluation during training."""


def job_of(
    budget: Budget, task: Task, method: Method, sparsity: float, seed: int
) -> Job:
    """Return the job of a training."""
    steps = round(task.steps * budget.share)
    given = {
        "task": task,
        "method": method,
        "sparsity": sparsity,
        "seed": seed,
        "steps": steps,
        "episodes": budget.episodes,
        "evaluations": budget.evaluations,
    }
    # With all defaults: a result of other defaults is another result.
    config = asdict(options_of(method, sparsity))
    own = {"task": asdict(task), "method": {**asdict(method), "config": config}}
    settings: dict[str, Any] = json.loads(json.dumps({**given, **own}))
    name = method.name.replace(", ", "-").replace(" ", "-")
    share = f"-{sparsity:g}" if sparsity else ""
    return Job(
        name=f"{budget.name}/{task.env}/{name}{share}-{seed}",
        function=train,
        arguments=given,
        settings=settings,
    )


def options_of(method: Method, sparsity: float) -> Any:
    """Return all options of a method, the defaults among them."""
    if method == POPS:
        return PopsConfig()
    if not method.strategy:
        return NoOptions()
    given = {**method.options, "final_sparsity": sparsity}
    return make_strategy(method.strategy, given).config


@dataclass(frozen=True)
class NoOptions:
    """A method without options."""


def zip_of(job: Job) -> Path:
    """Return where the agent of a finished training is kept, for the heat maps."""
    return ROOT / f"{job.name}.zip"


def widths(sparsity: float) -> list[int]:
    """Return the units that uniform pruning leaves in the actor's layers."""
    sizes = {str(i): Size(units=n, inputs=1, outputs=1) for i, n in enumerate(WIDTHS)}
    return list(allocate("uniform", sizes, sparsity).values())


class Evaluations(BaseCallback):
    """Keeps the mean greedy return of a few episodes, at regular steps.

    Evaluations come when rollouts start, at most one each: of LunarLander's 62 rollouts
    there are 62.

    Args:
        env: Environment of the evaluations.
        every: Environment steps from one evaluation to the next, at least.
    """

    def __init__(self, env: VecEnv, every: int) -> None:
        super().__init__()
        self.env, self.every = env, every
        self.found: list[tuple[int, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return the evaluations so far."""
        return {"found": self.found}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on behind saved evaluations."""
        self.found = [(int(steps), float(mean)) for steps, mean in state["found"]]

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        done = (
            self.found[-1][0] if self.found else 0
        )  # A resumed run may be here again.
        if (
            self.num_timesteps // self.every > len(self.found)
            and done < self.num_timesteps
        ):
            self.look()

    def look(self) -> None:
        """Evaluate the agent."""
        returns = played(self.model, self.env, EVALUATED, EVALUATION_SEED)
        self.found.append((self.model.num_timesteps, sum(returns) / len(returns)))


def played(model: Any, env: VecEnv, episodes: int, seed: int) -> list[float]:
    """Return the returns of greedy episodes, with the statistics of the training."""
    if isinstance(env, VecNormalize):
        sync_envs_normalization(model.get_env(), env)
    done = play(model, env, episodes=episodes, seed=seed)
    return [round(float(episode.total), 3) for episode in done]


def make(task: Task, count: int, *, training: bool = True) -> VecEnv:
    """Make the environments of a task."""
    env: VecEnv = make_vec_env(task.env, count)
    if task.normalised:
        env = VecNormalize(env, training=training, norm_reward=training)
    return env


def build(task: Task, method: Method, sparsity: float, seed: int, env: VecEnv) -> PPO:
    """Build an untrained agent."""
    actor = widths(sparsity) if method == SMALL else list(WIDTHS)
    own = {**task.policy_kwargs, "net_arch": {"pi": actor, "vf": list(WIDTHS)}}
    if "activation_fn" in own:
        own["activation_fn"] = getattr(torch.nn, own["activation_fn"])
    settings = {
        name: LinearSchedule(value[1], 0.0, 1.0) if isinstance(value, tuple) else value
        for name, value in task.settings.items()
    }
    return PPO("MlpPolicy", env, policy_kwargs=own, seed=seed, device="cpu", **settings)


def train(
    folder: Path,
    task: Task,
    method: Method,
    sparsity: float,
    seed: int,
    steps: int,
    episodes: int,
    evaluations: int,
) -> dict[str, Any]:
    """Train an agent, or go on with its training, and test it.

    Args:
        folder: Folder of the checkpoints.
        task: The environment.
        method: How the actor becomes small.
        sparsity: Share of its units that go.
        seed: Seed of the agent.
        steps: Environment steps.
        episodes: Greedy episodes of the final agent.
        evaluations: Number of evaluations during training, at most.
    """
    began, env = time.process_time(), make(task, task.envs)
    watched = make(task, EVALUATED, training=False)
    watch = Evaluations(watched, max(1, steps // evaluations))
    states: dict[str, Any] = {"evaluations": watch}
    resumes = checkpoints.latest(folder) is not None
    if resumes:
        model, saved = checkpoints.load(PPO, folder, env, device="cpu")
    else:
        model = build(task, method, sparsity, seed, env)
    if method.strategy:
        options = {**method.options, "final_sparsity": sparsity}
        states["pruning"] = sp.PruningCallback(method.strategy, options)
    for name, state in saved.items() if resumes else ():
        states[name].load_state_dict(state)
    saving = sp.ResumableCheckpointCallback(folder, max(1, steps // 10), states)
    if (left := steps - model.num_timesteps) > 0:
        model.learn(left, [*states.values(), saving], reset_num_timesteps=False)
    watch.model = model
    watch.look()
    model.save(folder.with_suffix(".zip"))
    return {
        **final(model, task, method, seed, episodes),
        "evaluations": watch.found,
        "units": states["pruning"].history if method.strategy else [],
        "cpu_seconds_of_last_piece": round(time.process_time() - began, 1),
    }


def final(
    model: PPO, task: Task, method: Method, seed: int, episodes: int
) -> dict[str, Any]:
    """Return what the final agent is worth, and its size."""
    test, found = make(task, 10, training=False), {}
    if method == POPS:
        if isinstance(test, VecNormalize):
            sync_envs_normalization(model.get_env(), test)
        report = prune_by_pops(model, test, PopsConfig(), seed=seed)
        found["pops"] = {"env_steps": report.env_steps, "updates": report.updates}
    returns = played(model, test, episodes, TEST_SEED + 1000 * seed)
    return {
        **found,
        "return": sum(returns) / len(returns),
        "returns": returns,
        "layers": sp.wire(model).units(),
        **sp.complexity(model).to_dict(),
    }
