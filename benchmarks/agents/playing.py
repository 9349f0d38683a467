"""Playing: returns of greedy episodes, the same episodes for every variant."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.evaluation.episodes import play

TEST_SEED = 1_000_003
"""Seed of the episodes that are scored."""
FIT_SEED = 7
"""Seed of the episodes in which pruning may look at the agent; others than scored."""


class RandomPolicy:
    """Draws its actions from the action space, whatever it observes."""

    def __init__(self, env: VecEnv) -> None:
        self.space, self.count = env.action_space, env.num_envs
        self.space.seed(0)

    def predict(self, *_: Any, **__: Any) -> tuple[Any, None]:
        """Return one action per environment."""
        return np.stack([self.space.sample() for _ in range(self.count)]), None


def mean_return(model: BaseAlgorithm | RandomPolicy, env: VecEnv) -> dict[str, Any]:
    """Play one greedy episode in each environment, always the same ones.

    The environments must give their own rewards and have frozen statistics.
    """
    agent: Any = model
    done = play(agent, env, episodes=env.num_envs, seed=TEST_SEED)
    returns = [float(episode.total) for episode in done]
    return {"return": float(np.mean(returns)), "std": float(np.std(returns))}
