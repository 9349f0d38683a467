"""Latency: the time that an agent needs to choose one action."""

from __future__ import annotations

import copy
import statistics
import time
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import require_at_least


def latency_us(model: BaseAlgorithm, *, repeats: int = 500, seed: int = 0) -> float:
    """Return the median time of one greedy ``model.predict`` at batch size 1.

    Args:
        model: The agent; a recurrent agent begins a new episode at each call.
        repeats: Number of timed calls; a tenth as many untimed calls come first to
            warm up.
        seed: Seed of the observation, which is drawn from the observation space.

    Returns:
        Microseconds on this machine, with the present number of threads of torch.

    Raises:
        ConfigError: ``repeats`` is not positive, or ``seed`` negative.
    """
    require_at_least("repeats", repeats)
    observation = draw(model.observation_space, seed)
    times = []
    for i in range(repeats + repeats // 10):
        began = time.perf_counter()
        model.predict(observation, deterministic=True)
        if i >= repeats // 10:
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def draw(space: spaces.Space[Any], seed: int = 0) -> Any:
    """Draw a sample of a space without changing the random state of the space.

    Raises:
        ConfigError: The seed is no whole number, or negative.
    """
    require_at_least("seed", seed, 0)
    twin = copy.deepcopy(space)
    twin.seed(seed)
    return twin.sample()
