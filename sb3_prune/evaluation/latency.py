"""Latency: how long one decision takes."""

from __future__ import annotations

import copy
import statistics
import time
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm


def latency_us(model: BaseAlgorithm, *, repeats: int = 500, seed: int = 0) -> float:
    """Return the median time of one greedy ``model.predict`` at batch 1.

    Args:
        model: The agent; a recurrent one begins an episode at each call.
        repeats: Number of timed calls, after a tenth as many to warm up.
        seed: Seed of the observation, drawn from the observation space.

    Returns:
        Microseconds on this machine, on as many threads as torch is set to.
    """
    observation = draw(model.observation_space, seed)
    times = []
    for i in range(repeats + repeats // 10):
        began = time.perf_counter()
        model.predict(observation, deterministic=True)
        if i >= repeats // 10:
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def draw(space: spaces.Space[Any], seed: int = 0) -> Any:
    """Draw from a space, whose own random state stays."""
    twin = copy.deepcopy(space)
    twin.seed(seed)
    return twin.sample()
