"""(p) What screening a seed costs beside the window that it looks at."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
from stable_baselines3 import A2C
from stable_baselines3.common.logger import Logger
from torch import nn

from benchmarks.harness import Table, rates, ratio
from sb3_prune.screening import ScreeningCallback, layers

WINDOW = 50
ROUNDS = 200
NETS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "ReLU": nn.ReLU}
MOST = {
    ("tanh", "entropy"): 1.1,
    ("tanh", "gradient-entropy"): 1.3,
    ("ReLU", "guided-entropy"): 1.3,
}
"""Activation function and screener -> most times the plain window that it takes."""


def screened(net: str, screener: str | None) -> int:
    """Build an agent of stock A2C, let it learn for a window, and measure it."""
    model = A2C(
        "MlpPolicy",
        gym.make("CartPole-v1"),
        learning_rate=2.5e-3,
        policy_kwargs={"activation_fn": NETS[net]},
        seed=0,
        device="cpu",
    )
    model.set_logger(Logger(None, []))
    callback = None if screener is None else ScreeningCallback(screener)
    model.learn(WINDOW, callback)
    return 1


def first(net: str, screener: str) -> int:
    """Do the same in a process that has not seen such a policy yet."""
    layers._REMEMBERED.clear()
    return screened(net, screener)


def contenders(net: str) -> dict[str, Callable[[], int]]:
    """Return the plain window, that of each screener, and that of a first seed."""
    found: dict[str, Callable[[], int]] = {"plain": partial(screened, net, None)}
    for where, screener in MOST:
        if where == net:
            found[screener] = partial(screened, net, screener)
            found[f"{screener}, first seed"] = partial(first, net, screener)
    return found


def run() -> Table:
    """Compare windows with and without a screener, the building of agents included."""
    table = Table(
        f"(p) Screening a seed: A2C on CartPole, {WINDOW} steps, 64 + 64 units",
        ["nets", "screener", "a seed, ms", "times the plain window"],
    )
    for net in NETS:
        found = rates(contenders(net), rounds=ROUNDS)
        for name, rate in found.items():
            times: Any = ratio(found["plain"], rate)
            table.rows.append([net, name, 1000 / statistics.median(rate), times])
            if most := MOST.get((net, name)):
                text = f"`{name}` on {net} nets takes at most {most} times the window"
                table.claim(f"{text} (measured {times:.3f})", times <= most)
    return table
