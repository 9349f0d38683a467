"""(j) What does it cost to know where the units are?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.logger import Logger
from torch import nn

import sb3_prune as sp
from benchmarks.harness import Noise, Table, ready
from sb3_prune.surgery import wiring
from sb3_prune.surgery.trial import refute
from sb3_prune.surgery.wiring import wire

BEFORE_MS = 0.13
"""What wiring SAC 2x256 cost on such a machine when it went by known classes."""
ROUNDS = 9
ROLLOUTS = 40
"""Rollouts of the training whose traces are counted."""


class Pixels(gym.Env[Any, Any]):
    """Random images of Atari's size."""

    observation_space = spaces.Box(0, 255, (4, 84, 84), np.uint8)
    action_space = spaces.Discrete(6)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Return a random image."""
        super().reset(seed=seed)
        return self._observe(), {}

    def _observe(self) -> Any:
        return self.np_random.integers(0, 256, (4, 84, 84), np.uint8)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return a random image and a reward."""
        return self._observe(), float(action), False, False, {}


def sac() -> Any:
    """Return SAC 2x256, and what takes one gradient step."""
    model = ready(SAC(sp.MaskedSACPolicy, Noise(), learning_starts=1000, device="cpu"))
    return model, lambda: model.train(gradient_steps=1, batch_size=256)


def cnn() -> Any:
    """Return PPO with a NatureCNN, and what takes one gradient step."""
    arguments = {"n_steps": 64, "batch_size": 64, "n_epochs": 1, "device": "cpu"}
    model = PPO(sp.MaskedActorCriticCnnPolicy, Pixels(), **arguments)
    return ready(model, 64), model.train


def ofexi() -> Any:
    """Return SAC on an OFEXiNet of 6 + 6 blocks, and what takes one gradient step."""
    model = SAC(
        sp.OFEXiSACPolicy,
        Noise(),
        learning_starts=300,
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
    """Time wirings that are remembered, traced anew and tried, and count traces."""
    table = Table(
        "(j) Where the units are: what it costs to know",
        ["agent", "layers", "remembered, ms", "traced, ms", "trial, ms", "steps, ms"],
    )
    for name, make in AGENTS.items():
        model, step = make()
        layers = len(wire(model.policy))
        found = _medians(model.policy, step)
        table.rows.append([name, layers, *found.values()])
        if name == "SAC 2x256":
            fast = found["remembered"]
            table.claim(
                f"{name}: a wiring that is remembered costs at most {BEFORE_MS} ms, "
                f"what finding it cost before (measured {fast:.3f})",
                fast <= BEFORE_MS,
            )
        share = found["traced"] / found["step"]
        table.claim(
            f"{name}: a trace costs at most 10 gradient steps (measured {share:.1f})",
            share <= 10,
        )
    traces, cuts = _traces()
    table.claim(
        f"a training of {ROLLOUTS} rollouts traces only at its start and its {cuts} "
        f"cuts ({traces} traces)",
        traces <= 2 * (cuts + 1),
    )
    return table


def _medians(policy: nn.Module, step: Callable[[], Any]) -> dict[str, float]:
    """Return milliseconds by what is done, in turns."""
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
    return {name: statistics.median(times) for name, times in found.items()}


def _traces() -> tuple[int, int]:
    """Train an agent that is pruned on the way; return its traces and cuts."""
    model = PPO(sp.MaskedActorCriticPolicy, Noise(), n_steps=64, device="cpu")
    wire(model.policy)
    callback = sp.PruningCallback("magnitude", {"final_sparsity": 0.8})
    with patch.object(wiring, "trace", wraps=wiring.trace) as traced:
        model.learn(64 * ROLLOUTS, callback=callback)
    return traced.call_count, len(callback.history) - 1
