"""(h) Time that gates and thetas cost per gradient step, and that removal saves."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from torch import nn

import sb3_prune as sp
from benchmarks.harness import Noise, Table, rates, ratio
from sb3_prune.gates import Gate

STEPS = 4
"""Gradient steps per turn."""
KEPT = {
    "ofe.phi_oa": 0.45,
    "ofe.phi_o": 0.11,
    "actor": 0.17,
    "critic": 0.28,
    "value": 0.28,
}
"""Share of the units to keep, by prefix of the layer's name.

This leaves 28 thousand parameters to deploy and 452 thousand to train. The paper's
Prune-B ends with 28 and 390 thousand on HalfCheetah.
"""


LEARNING = {"begin": 0.0, "tolerance": 0.0}
"""Options of xinet with which thetas are learnt and no unit is removed."""
VALUE_SAC = (sp.ValueSAC, sp.OFEXiValueSACPolicy)
STOCK_SAC = (SAC, sp.OFEXiSACPolicy)


def agent(
    strategy: dict[str, Any] | None = None,
    *,
    gates: bool = True,
    kind: tuple[type[SAC], type[Any]] = VALUE_SAC,
) -> Any:
    """Return OFE-Big of the paper's size, its training started, and its callback."""
    algorithm, policy = kind
    model = algorithm(
        policy,
        Noise(),
        learning_starts=512,
        batch_size=256,
        policy_kwargs={
            "net_arch": [512, 512],
            "ofe": {"blocks": 8, "units": 128, "norm": "batch"},
            "optimizer_kwargs": {"fused": True},
        },
        seed=0,
        device="cpu",
    )
    callbacks: list[Any] = [sp.FeatureCallback(pretraining=0)]
    if strategy is not None:
        callbacks.append(sp.PruningCallback("xinet", strategy))
    _, callback = model._setup_learn(10**6, CallbackList(callbacks))
    callback.on_training_start({}, {})
    model.learning_starts = 10**9
    model.collect_rollouts(
        model.env, callback, _steps(512), model.replay_buffer, learning_starts=10**9
    )
    model.learning_starts = 0
    if not gates:
        _drop_gates(model.policy)
    return model, callback


def _steps(count: int) -> Any:
    return TrainFreq(count, TrainFrequencyUnit.STEP)


def _drop_gates(policy: nn.Module) -> None:
    for module in list(policy.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Gate):
                setattr(module, name, nn.Identity())


def stepping(model: Any, callback: Any) -> Callable[[], int]:
    """Return a function that takes gradient steps of the extractor and the agent."""

    def work() -> int:
        for _ in range(STEPS):
            callback.on_rollout_end()
            model.train(gradient_steps=1, batch_size=256)
        return STEPS

    return work


def cut(model: Any, shares: Mapping[str, float]) -> None:
    """Keep only a share of the units of every layer.

    Args:
        model: The model.
        shares: Prefix of layers' names -> share of the units to keep.
    """
    plan = {}
    for name, layer in sp.wire(model.policy).items():
        share = next(s for prefix, s in shares.items() if name.startswith(prefix))
        keep = max(1, round(share * layer.units))
        plan[name] = sp.surgery.keep(range(keep), layer.units)
    sp.apply(model, plan)


def run() -> Table:
    """Compare the steps per second of one agent in several states."""
    small = agent()
    cut(small[0], KEPT)
    contenders = {
        "no gates": agent(gates=False),
        "gates open": agent(),
        "thetas learning": agent(LEARNING),
        "after removal": small,
        "stock SAC, no gates": agent(gates=False, kind=STOCK_SAC),
        "stock SAC, thetas learning": agent(LEARNING, kind=STOCK_SAC),
    }
    found = rates({name: stepping(*pair) for name, pair in contenders.items()}, 9)
    table = Table(
        "(h) OFE-Big, 8 + 8 blocks of 128, networks 2x512, batch 256",
        ["agent", "parameters to train", "steps/s", "beside no gates"],
    )
    shares = {n: ratio(values, found[_beside(n)]) for n, values in found.items()}
    for name, share in shares.items():
        counted = sp.complexity(contenders[name][0]).params_train
        table.rows.append([name, counted, statistics.median(found[name]), share])
        if name.endswith(("open", "learning")):
            text = f"{name}: at most 5 % more per step (ratio {share:.3f})"
            table.claim(text, share >= 0.95)
    share = shares["after removal"]
    table.claim(f"after removal: at least 4x faster ({share:.1f}x)", share >= 4)
    return table


def _beside(name: str) -> str:
    stock = name.startswith("stock SAC")
    return "stock SAC, no gates" if stock else "no gates"
