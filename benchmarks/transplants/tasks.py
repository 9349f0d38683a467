"""Tasks: an old environment and network, a new one, and what is mapped to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

CARTPOLE = {
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "buffer_size": 100_000,
    "learning_starts": 1_000,
    "target_update_interval": 10,
    "train_freq": 256,
    "gradient_steps": 128,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
}
"""RL Zoo's hyperparameters of DQN."""
OTHERS = {
    "learning_rate": 6.3e-4,
    "batch_size": 128,
    "buffer_size": 50_000,
    "learning_starts": 0,
    "target_update_interval": 250,
    "train_freq": 4,
    "gradient_steps": -1,
    "exploration_fraction": 0.12,
    "exploration_final_eps": 0.1,
}
"""RL Zoo's for Acrobot and LunarLander."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An experiment."""

    name: str
    """Name in tables."""
    env: str
    """Id of the environment."""
    settings: Mapping[str, Any]
    """Arguments of DQN."""
    steps: int = 50_000
    """Environment steps of each training."""
    seen: tuple[int, ...] = ()
    """Observations that the old agent sees; all if empty."""
    acts: tuple[int, ...] = ()
    """Actions that the old agent has; all if empty."""
    arches: tuple[tuple[int, ...], tuple[int, ...]] = ((64, 64), (64, 64))
    """Widths of the old and of the new agent."""
    episodes: int = 5
    """Greedy episodes of an evaluation."""
    points: int = 20
    """Evaluations of a training, besides the one at its start."""

    def make(self, *, old: bool) -> gym.Env[Any, Any]:
        """Make the environment of the old or of the new agent."""
        env: gym.Env[Any, Any] = gym.make(self.env)
        if old and self.seen:
            env = Seen(env, self.seen)
        return Acts(env, self.acts) if old and self.acts else env

    def maps(self) -> dict[str, list[int | None]]:
        """Return which new observation and action is which old one."""
        env, found = self.make(old=False), {}
        assert env.observation_space.shape is not None
        for name, places, count in (
            ("observations", self.seen, env.observation_space.shape[0]),
            ("actions", self.acts, int(env.action_space.n)),  # type: ignore[attr-defined]
        ):
            if places:
                found[name] = [
                    places.index(new) if new in places else None for new in range(count)
                ]
        return found


class Seen(gym.ObservationWrapper[Any, Any, Any]):
    """Shows some of the observations."""

    def __init__(self, env: gym.Env[Any, Any], places: tuple[int, ...]) -> None:
        super().__init__(env)
        self.places = list(places)
        whole = env.observation_space
        assert isinstance(whole, spaces.Box)
        low, high = whole.low[self.places], whole.high[self.places]
        self.observation_space = spaces.Box(low, high, dtype=np.float32)

    def observation(self, observation: Any) -> Any:
        """Return what is shown."""
        return observation[self.places]


class Acts(gym.ActionWrapper[Any, Any, Any]):
    """Has some of the actions."""

    def __init__(self, env: gym.Env[Any, Any], places: tuple[int, ...]) -> None:
        super().__init__(env)
        self.places = places
        self.action_space = spaces.Discrete(len(places))

    def action(self, action: Any) -> Any:
        """Return the action of the environment itself."""
        return self.places[int(action)]


TASKS = {
    task.name: task
    for task in (
        Task(
            name="CartPole, two sensors more",
            env="CartPole-v1",
            settings=CARTPOLE,
            seen=(1, 2),
        ),
        Task(
            name="CartPole, 4-4 to 16-16",
            env="CartPole-v1",
            settings=CARTPOLE,
            arches=((4, 4), (16, 16)),
        ),
        Task(
            name="CartPole, 8 to 8-8",
            env="CartPole-v1",
            settings=CARTPOLE,
            arches=((8,), (8, 8)),
        ),
        Task(
            name="Acrobot, an action more",
            env="Acrobot-v1",
            settings=OTHERS,
            acts=(0, 2),
        ),
        Task(
            name="LunarLander, two actions more",
            env="LunarLander-v3",
            settings=OTHERS,
            steps=100_000,
            acts=(1, 3),
        ),
    )
}
"""Experiments 2 to 5 of the source; its first one is no reinforcement learning."""
