"""(j) What does it cost to find the hidden layers and their slots?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from stable_baselines3 import PPO, SAC
from stable_baselines3.common.logger import Logger
from torch import nn

import sb3_prune as sp
from benchmarks.harness import Noise, Pixels, Table, ratio, ready
from sb3_prune.surgery import wiring
from sb3_prune.surgery.trial import refute
from sb3_prune.surgery.wiring import wire

BEFORE = ["SAC 2x256, by known classes (before, another run)", 6, 0.13, "-", "-", "-"]
"""Cost of wiring before tracing existed: layers were found by their known classes."""
BOUNDS = {"remembered": 0.02, "traced": 5, "trial": 20}
"""Largest allowed cost of a wiring and of a trial of all layers, in gradient steps."""
ROUNDS = 9
ROLLOUTS = 40
"""Rollouts of the training in which traces are counted."""


def sac() -> Any:
    """Return SAC 2x256, and a function that takes one gradient step."""
    model = ready(SAC(sp.MaskedSACPolicy, Noise(), learning_starts=1000, device="cpu"))
    return model, lambda: model.train(gradient_steps=1, batch_size=256)


def cnn() -> Any:
    """Return PPO with a NatureCNN, and a function that takes one gradient step."""
    arguments = {"n_steps": 64, "batch_size": 64, "n_epochs": 1, "device": "cpu"}
    model = PPO(sp.MaskedActorCriticCnnPolicy, Pixels(), **arguments)
    return ready(model, 64), model.train


def ofexi() -> Any:
    """Return SAC on an OFEXiNet (6 + 6 blocks), and a function for a gradient step."""
    model = SAC(
        sp.OFEXiSACPolicy,
        Noise(),
        learning_starts=290,
        policy_kwargs={"ofe": {"blocks": 6, "units": 32}},
        device="cpu",
    )
    model.set_logger(Logger(None, []))
    model.learn(300, callback=sp.FeatureCallback(pretraining=1))
    return model, lambda: model.train(gradient_steps=1, batch_size=256)


AGENTS = {
    "SAC 2x256": sac,
    "PPO, NatureCNN 84x84": cnn,
    "SAC on an OFEXiNet 6x32": ofexi,
}


def run() -> Table:
    """Time remembered wirings, new traces and trials; count a training's traces."""
    table = Table(
        "(j) Where the units are: what it costs to know",
        ["agent", "layers", "remembered, ms", "traced, ms", "trial, ms", "a step, ms"],
        [BEFORE],
    )
    for name, make in AGENTS.items():
        model, step = make()
        layers = len(wire(model.policy))
        found = _times(model.policy, step)
        table.rows.append([name, layers, *map(statistics.median, found.values())])
        for what, bound in BOUNDS.items():
            share = ratio(found[what], found["step"])
            table.claim(
                f"{name}, {what}: at most {bound:g} gradient steps ({share:.2g})",
                share <= bound,
            )
    traces, cuts = _traces()
    table.claim(
        f"a training of {ROLLOUTS} rollouts traces once for each of its {cuts} cuts "
        f"({traces} traces)",
        traces <= cuts + 1,
    )
    return table


def _times(policy: nn.Module, step: Callable[[], Any]) -> dict[str, list[float]]:
    """Return the milliseconds of every round, by contender; contenders take turns."""
    contenders = {
        "remembered": lambda: wire(policy),
        "traced": lambda: (vars(policy).pop("_wiring_cache", None), wire(policy)),
        "trial": lambda: refute(policy, wire(policy).values()),
        "step": step,
    }
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            began = time.perf_counter()
            work()
            found[name].append((time.perf_counter() - began) * 1e3)
    return found


def _traces() -> tuple[int, int]:
    """Train and prune an agent; return the numbers of traces and of cuts."""
    model = PPO(sp.MaskedActorCriticPolicy, Noise(), n_steps=64, device="cpu")
    wire(model.policy)
    callback = sp.PruningCallback("magnitude", {"final_sparsity": 0.8})
    with patch.object(wiring, "trace", wraps=wiring.trace) as traced:
        model.learn(64 * ROLLOUTS, callback=callback)
    return traced.call_count, len(callback.history) - 1
