"""Tasks: an old agent and a new one, and what of the old is what of the new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from benchmarks.transplants.worlds import ARM, World
from sb3_prune.transplanting.outputs import Rule

Sources = tuple[int | None, ...]
"""For each new entry the old one that it is, or None."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An experiment."""

    name: str
    """Name in tables."""
    algorithm: str
    """Class of Stable-Baselines3."""
    old: World
    """What the old agent lives in."""
    new: World
    """What the new agent lives in."""
    settings: Mapping[str, Any]
    """Arguments of the algorithm."""
    begins: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that are others for the transplanted agent."""
    steps: tuple[int, int]
    """Environment steps of the old and of the new agent."""
    every: int
    """Environment steps from one test to the next."""
    arches: tuple[Any, Any] = ((64, 64), (64, 64))
    """``net_arch`` of the old and of the new agent."""
    observations: Sources | None = None
    """Which new observation is which old one; by their places if None."""
    actions: Sources | None = None
    """Which new action is which old one; by their places if None."""
    rule: Rule | None = None
    """Rule for the outputs of new actions; the usual one if None."""
    envs: int = 1
    """Environments side by side in training."""
    episodes: int = 10
    """Greedy episodes of a test."""


def arm_maps(places: tuple[int, ...], joints: int) -> dict[str, Sources]:
    """Return what an arm's observations and moves are to one with more joints.

    A new move is an old one if the new joints rest.

    Args:
        places: New joint that each old joint becomes.
        joints: Number of new joints.
    """
    seen: list[int | None] = [None] * (2 * joints)
    for old, new in enumerate(places):
        seen[2 * new : 2 * new + 2] = [2 * old, 2 * old + 1]
    seen += [2 * len(places), 2 * len(places) + 1]
    moves = {m: i for i, m in enumerate(product(range(3), repeat=len(places)))}
    rest = set(range(joints)) - set(places)
    acts = [
        moves[tuple(m[p] for p in places)] if all(m[r] == REST for r in rest) else None
        for m in product(range(3), repeat=joints)
    ]
    return {"observations": tuple(seen), "actions": tuple(acts)}


REST = 2
"""Digit of a joint that does not move."""
CARTPOLE, ACROBOT = World(env="CartPole-v1"), World(env="Acrobot-v1")
LUNAR, PENDULUM = World(env="LunarLander-v3"), World(env="Pendulum-v1")
ARMS = {
    n: World(env=ARM, options={"n_joints": n, "action_mode": "joint"}) for n in (2, 3)
}
"""Arms by their number of joints."""
DQN_CARTPOLE: dict[str, Any] = {
    "algorithm": "DQN",
    "settings": {
        "learning_rate": 2.3e-3,
        "n_steps": 3,
        "batch_size": 64,
        "buffer_size": 100_000,
        "learning_starts": 1_000,
        "target_update_interval": 10,
        "train_freq": 256,
        "gradient_steps": 128,
        "exploration_fraction": 0.16,
        "exploration_final_eps": 0.04,
    },
    "begins": {"exploration_initial_eps": 0.04},
    "steps": (20_000, 20_000),
    "every": 1_000,
}
"""RL Zoo's settings, with returns of 3 steps instead of one: without them, agents are
no better after 40,000 steps than after 5,000."""
DQN_SMALL: dict[str, Any] = {
    **DQN_CARTPOLE,
    "settings": {
        **DQN_CARTPOLE["settings"],
        "learning_rate": 5e-3,
        "n_steps": 10,
        "gamma": 0.95,
    },
}
"""For nets of few units, which learn nothing otherwise: their units die."""
DQN_ZOO: dict[str, Any] = {
    "algorithm": "DQN",
    "settings": {
        "learning_rate": 6.3e-4,
        "batch_size": 128,
        "buffer_size": 50_000,
        "learning_starts": 0,
        "target_update_interval": 250,
        "train_freq": 4,
        "gradient_steps": 2,
        "n_steps": 5,
        "exploration_fraction": 0.12,
        "exploration_final_eps": 0.1,
    },
    "begins": {"exploration_initial_eps": 0.1},
    "episodes": 5,
}
"""RL Zoo's settings for Acrobot and LunarLander, with returns of 5 steps instead of
one, and half as many gradient steps: agents of Acrobot fail less often in tests."""
DQN_ARM: dict[str, Any] = {
    "algorithm": "DQN",
    "settings": {
        "learning_rate": 1e-3,
        "gamma": 0.8,
        "batch_size": 256,
        "buffer_size": 500_000,
        "learning_starts": 2_560,
        "target_update_interval": 25_600,
        "train_freq": 1,
        "gradient_steps": 1,
        "exploration_fraction": 0.1,
        "exploration_final_eps": 0.1,
    },
    "begins": {"exploration_initial_eps": 0.1},
    "steps": (512_000, 384_000),
    "every": 32_000,
    "arches": ((64, 64, 64), (64, 64, 64)),
    "envs": 128,
    "episodes": 100,
}
"""As in the benchmark of clusters, with epsilon instead of a softmax."""
PPO_CARTPOLE: dict[str, Any] = {
    "algorithm": "PPO",
    "settings": {
        "n_steps": 32,
        "batch_size": 256,
        "gae_lambda": 0.8,
        "gamma": 0.98,
        "n_epochs": 20,
        "learning_rate": 1e-3,
        "clip_range": 0.2,
    },
    "every": 2_048,
    "envs": 8,
}
"""RL Zoo's settings without its schedules, which a training in two parts has not."""
SAC_PENDULUM: dict[str, Any] = {
    "algorithm": "SAC",
    "settings": {"learning_rate": 1e-3},
    "every": 500,
}
"""RL Zoo's settings."""

SOURCE = (
    Task(
        name="CartPole, two sensors more",
        old=replace(CARTPOLE, seen=(1, 2)),
        new=CARTPOLE,
        observations=(None, 0, 1, None),
        **DQN_CARTPOLE,
    ),
    Task(
        name="CartPole, 4-4 to 16-16",
        old=CARTPOLE,
        new=CARTPOLE,
        arches=((4, 4), (16, 16)),
        **DQN_SMALL,
    ),
    Task(
        name="CartPole, 8 to 8-8",
        old=CARTPOLE,
        new=CARTPOLE,
        arches=((8,), (8, 8)),
        **DQN_SMALL,
    ),
    Task(
        name="Acrobot, an action more",
        old=replace(ACROBOT, acts=(0, 2)),
        new=ACROBOT,
        actions=(0, None, 1),
        steps=(8_000, 8_000),
        every=500,
        **DQN_ZOO,
    ),
    Task(
        name="LunarLander, two actions more",
        old=replace(LUNAR, acts=(1, 3)),
        new=LUNAR,
        actions=(None, 0, None, 1),
        steps=(100_000, 100_000),
        every=5_000,
        **DQN_ZOO,
    ),
)
"""Experiments 2 to 5 of the source; its first one is no reinforcement learning."""
OURS = (
    Task(
        name="Arm, 2 to 3 joints, the last one new",
        old=ARMS[2],
        new=ARMS[3],
        **arm_maps((0, 1), 3),
        **DQN_ARM,
    ),
    Task(
        name="Arm, 2 to 3 joints, the middle one new",
        old=ARMS[2],
        new=ARMS[3],
        **arm_maps((0, 2), 3),
        **DQN_ARM,
    ),
    Task(
        name="PPO CartPole, 64-64 to 256-256 in mid-training",
        old=CARTPOLE,
        new=CARTPOLE,
        steps=(8_192, 24_576),
        arches=((64, 64), (256, 256)),
        **PPO_CARTPOLE,
    ),
    Task(
        name="SAC Pendulum, actor 16-16 to 64-64 in mid-training",
        old=PENDULUM,
        new=PENDULUM,
        steps=(2_500, 3_500),
        arches=tuple({"pi": [n, n], "qf": [64, 64]} for n in (16, 64)),
        **SAC_PENDULUM,
    ),
)
"""What the source lacks."""
TRAP = replace(SOURCE[3], name="Acrobot, an action more of value 0", rule="zero")
"""A trap that the source names: all returns are negative."""
MISLED = (
    Task(
        name="PPO CartPole, actions exchanged, misled",
        old=CARTPOLE,
        new=replace(CARTPOLE, acts=(1, 0)),
        steps=(24_576, 24_576),
        **PPO_CARTPOLE,
    ),
    Task(
        name="PPO CartPole, sensors exchanged, misled",
        old=CARTPOLE,
        new=replace(CARTPOLE, seen=(2, 3, 0, 1)),
        steps=(24_576, 24_576),
        **PPO_CARTPOLE,
    ),
    Task(
        name="Arm, goal turned, misled",
        old=ARMS[3],
        new=replace(ARMS[3], seen=(0, 1, 2, 3, 4, 5, 7, 6)),
        **DQN_ARM,
    ),
)
"""Transplants by place although the new world is another one: they should hurt."""
TASKS = {task.name: task for task in (*SOURCE, *OURS, *MISLED, TRAP)}
