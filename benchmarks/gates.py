"""(a) Does a policy with open gates train as fast as the stock one?"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from stable_baselines3 import PPO, SAC

import sb3_prune as sp
from benchmarks.harness import Noise, Table, rates, ratio, ready


def sac(policy: Any, steps: int = 40) -> Callable[[], int]:
    """Return a function that takes gradient steps of SAC 2x256."""
    model = ready(SAC(policy, Noise(), learning_starts=1000, device="cpu"))

    def work() -> int:
        model.train(gradient_steps=steps, batch_size=256)
        return steps

    return work


def ppo(policy: Any) -> Callable[[], int]:
    """Return a function that takes gradient steps of PPO 2x64."""
    model = PPO(policy, Noise(), n_steps=512, device="cpu")
    ready(model, 512)

    def work() -> int:
        before = model._n_updates
        model.train()
        # SB3 counts epochs; each has 512 / 64 gradient steps.
        return (model._n_updates - before) * 8

    return work


def run() -> Table:
    """Compare gradient steps per second."""
    table = Table(
        "(a) Open gates against the stock policy",
        ["agent", "stock, steps/s", "open gates, steps/s", "ratio"],
    )
    masked = {"SAC 2x256": sp.MaskedSACPolicy, "PPO 2x64": sp.MaskedActorCriticPolicy}
    for name, make in {"SAC 2x256": sac, "PPO 2x64": ppo}.items():
        contenders = {"stock": make("MlpPolicy"), "gated": make(masked[name])}
        found = rates(contenders, rounds=15)
        share = ratio(found["gated"], found["stock"])
        medians = [statistics.median(found[key]) for key in ("stock", "gated")]
        table.rows.append([name, *medians, share])
        table.claim(
            f"{name}: ratio at least 0.97 (measured {share:.3f})", share >= 0.97
        )
    return table
