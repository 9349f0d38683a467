"""Speed: gradient steps of dense, masked and cut agents on a device."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable
from functools import partial

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

import sb3_prune as sp
from benchmarks.cutting import WIDTH, big
from benchmarks.harness import Pixels, Table, rates, ratio, ready
from sb3_prune.surgery import keep, remove_closed

SHARE = 0.9
"""Share of the units to mask or cut."""
KINDS = ("dense", "masked", "cut")
SMALL = 32
"""Width of SAC's hidden layers in the short form."""


def run(device: torch.device, short: bool) -> Table:
    """Compare gradient steps per second of dense, masked and cut agents.

    Args:
        device: Device of the agents.
        short: Take small agents and few steps.
    """
    table = Table(
        f"Gradient steps on {device.type}, {SHARE:.0%} of the units gone",
        ["agent", "", "parameters", "steps/s", "times dense"],
    )
    makers = {
        f"SAC 2x{WIDTH}": partial(_sac, device),
        "PPO, NatureCNN": partial(_pixels, device),
    }
    if short:
        makers = {f"SAC 2x{SMALL}": partial(_sac, device, SMALL)}
    for name, make in makers.items():
        models = {kind: _made(make, kind) for kind in KINDS}
        found = rates(
            {kind: _steps(model, short) for kind, model in models.items()},
            rounds=1 if short else 7,
        )
        for kind, model in models.items():
            size = sum(p.numel() for p in model.policy.parameters())
            times = ratio(found[kind], found["dense"])
            row = [name, kind, size, statistics.median(found[kind]), times]
            table.rows.append(row)
        gain = ratio(found["cut"], found["masked"])
        if not short:
            text = f"{name}: cut is at least as fast as masked ({gain:.2f} times)"
            table.claim(text, gain >= 1)
    return table


def _made(make: Callable[[], BaseAlgorithm], kind: str) -> BaseAlgorithm:
    model = make()
    if kind != "dense":
        units = sp.wire(model.policy).units()
        plan = {
            n: keep(range(max(1, round(k * (1 - SHARE)))), k) for n, k in units.items()
        }
        sp.mask(model, plan)
    if kind == "cut":
        remove_closed(model)
    return model


def _sac(device: torch.device, width: int = WIDTH) -> BaseAlgorithm:
    return big(sp.MaskedSACPolicy, device=device, width=width)


def _pixels(device: torch.device) -> BaseAlgorithm:
    steps = 512
    model = PPO(
        sp.MaskedActorCriticCnnPolicy,
        Pixels(),
        n_steps=steps,
        batch_size=256,
        n_epochs=4,
        device=device,
        seed=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SB3 advises against PPO on a GPU.
        ready(model, steps)
    return model


def _steps(model: BaseAlgorithm, short: bool) -> Callable[[], int]:
    """Return a function that takes gradient steps and waits for the GPU."""
    count = 2 if short else 50

    def work() -> int:
        if isinstance(model, OffPolicyAlgorithm):
            model.train(gradient_steps=count, batch_size=256)
            done = count
        else:
            model.train()
            done = 8  # 4 epochs of 2 batches.
        if model.device.type == "cuda":
            torch.cuda.synchronize(model.device)
        return done

    return work
