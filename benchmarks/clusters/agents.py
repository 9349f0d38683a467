"""The agents of Feldotto et al. 2022.

They are stock DQN agents with one action for each of the 3^n combinations of joint
moves, and with softmax exploration.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sb3_prune_envs import make_arm_vec
from stable_baselines3 import DQN
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

import sb3_prune as sp
from benchmarks.clusters.budget import Budget
from sb3_prune.evaluation import success_rate
from sb3_prune.exceptions import JobError
from sb3_prune.files import atomic
from sb3_prune.runs import Job
from sb3_prune.runs.jobs import read

ROOT = Path("runs/clusters")
"""Folder of agents."""
RESULTS = Path("benchmarks/results/clusters")
"""Folder of the results of finished jobs, which is in the repository."""
ARMS = 128
LAYERS = 6


def arms(joints: int, count: int = ARMS) -> VecEnv:
    """Return a vector of arms with one action per combination of joint moves."""
    return make_arm_vec(count, n_joints=joints, action_mode="joint")


def untrained(joints: int, widths: Sequence[int], seed: int) -> DQN:
    """Build an agent with Xavier weights and hidden layers of these widths.

    It takes one gradient step per 128 arm steps.
    """
    rate = 1e-3 if max(widths) < 256 else 5e-4
    agent = DQN(
        sp.MaskedDQNPolicy,
        arms(joints),
        learning_rate=LinearSchedule(rate, 1e-4, 1.0),
        buffer_size=500_000,
        learning_starts=20 * ARMS,
        batch_size=256,
        gamma=0.8,
        train_freq=1,
        gradient_steps=1,
        target_update_interval=200 * ARMS,
        exploration_initial_eps=0.0,
        exploration_final_eps=0.0,
        policy_kwargs={
            "net_arch": list(widths),
            "temperature": 0.02,
            "optimizer_kwargs": {"fused": True},
        },
        seed=seed,
        device="cpu",
    )
    sp.xavier(agent.policy)
    return agent


def folder_of(budget: Budget) -> Path:
    """Return the folder of a budget's agents."""
    return ROOT / budget.name


def results_of(budget: Budget) -> Path:
    """Return the folder of a budget's results."""
    return RESULTS / budget.name


def path_of(budget: Budget, joints: int, width: int, seed: int) -> Path:
    """Return the zip of an agent, which is beside the record of its training."""
    return folder_of(budget) / "agents" / f"{joints}x{width}-{seed}.zip"


def job_of(budget: Budget, joints: int, width: int, seed: int) -> Job:
    """Return the job that trains an agent; its result is a record of the training."""
    return Job(
        name=f"agents/{joints}x{width}-{seed}",
        function=train,
        arguments={"budget": budget, "joints": joints, "width": width, "seed": seed},
        settings={"updates": budget.updates},
    )


def record_of(
    budget: Budget, joints: int, width: int, seed: int
) -> dict[str, Any] | None:
    """Return the record of an agent's training; None if it is not trained."""
    return read(job_of(budget, joints, width, seed), results_of(budget))


def trained(budget: Budget, joints: int, width: int, seed: int) -> DQN:
    """Return a trained agent."""
    return load(path_of(budget, joints, width, seed), joints)


def load(path: Path, joints: int) -> DQN:
    """Return the agent of a finished job.

    Raises:
        JobError: Its zip is not there. Results are in the repository, zips are not.
    """
    if not path.is_file():
        raise JobError(
            f"The agent '{path}' is gone, though its result may be kept: move the "
            f"result away from '{RESULTS}' to train the agent anew."
        )
    return DQN.load(path, env=arms(joints), device="cpu")


def train(
    folder: Path, budget: Budget, joints: int, width: int, seed: int
) -> dict[str, Any]:
    """Train an agent and save it; return the record of its training.

    Training ends when the agent passes the validation test, or after the budget's
    updates.
    """
    del folder  # Minutes of training need no checkpoints.
    agent = untrained(joints, [width] * LAYERS, seed)
    record = learn(agent, joints, budget.updates, seed, episodes_seed=9_000_000)
    with atomic(path_of(budget, joints, width, seed)) as temporary:
        agent.save(temporary)
    return record


def learn(
    agent: DQN, joints: int, updates: int, seed: int, episodes_seed: int
) -> dict[str, Any]:
    """Train an agent until it passes its test; return the record of its training.

    Args:
        agent: The agent.
        joints: Joints of the arm.
        updates: Largest number of gradient steps.
        seed: Seed of the agent, which decides on its tests.
        episodes_seed: Seed of the 1,000 fresh episodes at the end.
    """
    tests = arms(joints, 300)
    validation = sp.ValidationCallback(tests, seed=10_000 * (seed + 1))
    agent.learn(updates * ARMS, callback=validation)
    return {
        "updates": agent._n_updates,
        "passed": validation.passed,
        "success": success_rate(agent, tests, episodes=1000, seed=episodes_seed),
    }


def main_settings(budget: Budget) -> list[tuple[int, int]]:
    """Return each (joints, width) for which a budget needs trained agents."""
    settings = [(3, width) for width in budget.widths]
    settings += [(3, budget.sweep_width)]
    settings += [(joints, budget.map_width) for joints in budget.joints]
    return list(dict.fromkeys(settings))
