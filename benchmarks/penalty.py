"""(o) What the penalty of ``dsp`` costs a gradient step."""

from __future__ import annotations

import gc
import statistics
from typing import Any

from sb3_prune_dsp import DSP
from stable_baselines3 import PPO, SAC

import sb3_prune as sp
from benchmarks.harness import Noise, Table, rates, ratio, ready
from sb3_prune.pruning import look_at

MOST = 0.05
"""Largest share of a gradient step that the penalty may cost."""


def sac() -> Any:
    """Return SAC 2x256."""
    return SAC(sp.MaskedSACPolicy, Noise(), learning_starts=1000, device="cpu")


def ppo() -> Any:
    """Return PPO 2x128, as in the source."""
    arch = {"net_arch": [128, 128]}
    policy = sp.MaskedActorCriticPolicy
    return PPO(policy, Noise(), n_steps=512, policy_kwargs=arch, device="cpu")


def steps(model: Any, count: int = 40) -> int:
    """Take gradient steps and return how many."""
    if isinstance(model, SAC):
        model.train(gradient_steps=count, batch_size=256)
        return count
    before = model._n_updates
    model.train()
    # SB3 counts epochs; each has 512 / 64 gradient steps.
    return (model._n_updates - before) * 8


def compared(model: Any) -> dict[str, list[float]]:
    """Return gradient steps per second without and with a penalty on the actor.

    One model takes both, in turns: two models of the same kind differ by some percent.
    """
    ready(model, 512)
    strategy = DSP()

    def prepare(name: str) -> None:
        strategy.detach()
        if name == "penalised":
            strategy.attach(look_at(model, 0.0))
        gc.collect()

    contenders = dict.fromkeys(("plain", "penalised"), lambda: steps(model))
    return rates(contenders, rounds=100, prepare=prepare)


def run() -> Table:
    """Compare gradient steps per second."""
    table = Table(
        "(o) The penalty of dsp on the actor",
        ["agent", "without, steps/s", "with, steps/s", "cost of a step"],
    )
    for name, make in {"SAC 2x256": sac, "PPO 2x128": ppo}.items():
        found = compared(make())
        cost = ratio(found["plain"], found["penalised"]) - 1
        medians = [statistics.median(found[key]) for key in ("plain", "penalised")]
        table.rows.append([name, *medians, f"{cost:.1%}"])
        table.claim(f"{name}: at most {MOST:.0%} of a step ({cost:.1%})", cost <= MOST)
    return table
