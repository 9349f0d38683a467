"""Latency: how long one decision takes."""

from __future__ import annotations

import statistics
import time

from stable_baselines3.common.base_class import BaseAlgorithm


def latency_us(model: BaseAlgorithm, *, repeats: int = 500, seed: int = 0) -> float:
    """Return the median time of one greedy ``model.predict`` at batch 1.

    Args:
        model: The agent.
        repeats: Number of timed calls, after a tenth as many to warm up.
        seed: Seed of the observation, drawn from the observation space.

    Returns:
        Microseconds on this machine, on as many threads as torch is set to.
    """
    space = model.observation_space
    space.seed(seed)
    observation = space.sample()
    times = []
    for i in range(repeats + repeats // 10):
        began = time.perf_counter()
        model.predict(observation, deterministic=True)
        if i >= repeats // 10:
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6
