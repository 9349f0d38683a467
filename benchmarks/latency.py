"""(e) How long does one decision take, before and after pruning?"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm

import sb3_prune as sp
from benchmarks.harness import Noise, Table, rates


def predict(model: BaseAlgorithm, count: int = 300) -> Callable[[], int]:
    """Return a function that calls ``model.predict`` at batch 1."""
    observation = np.zeros(17, dtype=np.float32)

    def work() -> int:
        for _ in range(count):
            model.predict(observation, deterministic=True)
        return count

    return work


def actor(model: SAC, count: int = 300) -> Callable[[], int]:
    """Return a function that calls the actor's module at batch 1."""
    observation = torch.zeros(1, 17)
    module = model.policy.actor.eval()

    @torch.no_grad()
    def work() -> int:
        for _ in range(count):
            module(observation, deterministic=True)
        return count

    return work


def run() -> Table:
    """Compare the time of one decision of dense and of cut, compacted agents."""
    table = Table(
        "(e) Latency of one decision at batch 1, SAC, 90 % of the units gone",
        [
            "width",
            "dense predict, us",
            "compact predict, us",
            "dense actor, us",
            "compact actor, us",
        ],
    )
    for width in (256, 1024):
        arch = {"net_arch": [width, width]}
        dense = SAC("MlpPolicy", Noise(), policy_kwargs=arch, device="cpu")
        cut = SAC(sp.MaskedSACPolicy, Noise(), policy_kwargs=arch, device="cpu")
        sp.prune(cut, "magnitude", {"final_sparsity": 0.9})
        plain = sp.compact(cut)
        found = rates(
            {
                "dense predict": predict(dense),
                "compact predict": predict(plain),
                "dense actor": actor(dense),
                "compact actor": actor(plain),
            }
        )
        micros = {name: 1e6 / statistics.median(r) for name, r in found.items()}
        table.rows.append([f"2x{width}", *micros.values()])
        table.claim(
            f"2x{width}: the compact agent decides faster "
            f"({micros['dense predict'] / micros['compact predict']:.2f} times)",
            micros["compact predict"] < micros["dense predict"],
        )
    return table
