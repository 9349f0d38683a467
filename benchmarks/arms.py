"""(d) How fast is the arm, compared with Gymnasium's Reacher and SyncVectorEnv?"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv

import sb3_prune  # noqa: F401  # registers the arms
from benchmarks.harness import Table, rates, ratio

ARM = "sb3_prune/PlanarArm3-v0"


def single(env_id: str, count: int = 3000) -> Callable[[], int]:
    """Return a function that steps one environment."""
    env: gym.Env[Any, Any] = gym.make(env_id, disable_env_checker=True)
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(64)]

    def work() -> int:
        for i in range(count):
            _, _, terminated, truncated, _ = env.step(actions[i % 64])
            if terminated or truncated:
                env.reset()
        return count

    return work


def many(env: VectorEnv[Any, Any, Any], count: int) -> Callable[[], int]:
    """Return a function that steps a vector environment."""
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(8)]

    def work() -> int:
        for i in range(count):
            env.step(actions[i % 8])
        return count * env.num_envs

    return work


def native(size: int) -> VectorEnv[Any, Any, Any]:
    """Make the native vector of arms."""
    return gym.make_vec(ARM, size, vectorization_mode="vector_entry_point")


def sync(env_id: str, size: int) -> VectorEnv[Any, Any, Any]:
    """Make Gymnasium's vector of single environments."""
    return gym.make_vec(env_id, size, vectorization_mode="sync")


def run() -> Table:
    """Compare environment steps per second."""
    table = Table("(d) Steps of environments", ["environment", "batch", "steps/s"])
    contenders = {
        ("PlanarArm3, single", 1): single(ARM),
        ("Reacher-v5, single", 1): single("Reacher-v5"),
        ("PlanarArm3, native vector", 1): many(native(1), 3000),
        ("PlanarArm3, native vector", 64): many(native(64), 1000),
        ("PlanarArm3, native vector", 4096): many(native(4096), 60),
        ("PlanarArm3, SyncVectorEnv", 64): many(sync(ARM, 64), 40),
        ("Reacher-v5, SyncVectorEnv", 64): many(sync("Reacher-v5", 64), 40),
    }
    found = rates({f"{n}|{b}": work for (n, b), work in contenders.items()})
    for name, batch in contenders:
        table.rows.append([name, batch, statistics.median(found[f"{name}|{batch}"])])
    ours = found["PlanarArm3, native vector|64"]
    for rival in ("PlanarArm3, SyncVectorEnv|64", "Reacher-v5, SyncVectorEnv|64"):
        gain = ratio(ours, found[rival])
        name = rival.replace("|", " at batch ")
        table.claim(
            f"the native vector at batch 64 is faster than {name} (x{gain:.0f})",
            gain > 1,
        )
    return table
