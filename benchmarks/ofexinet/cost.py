"""(h) Time that gates and thetas cost per gradient step, and that removal saves."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from torch import nn

import sb3_prune as sp
from benchmarks.harness import Noise, Table, rates, ratio
from sb3_prune.gates import Gate

MORE = 0.05
"""Share of the time of a step that gates and thetas may cost."""
STEPS, ROUNDS = 2, 50
"""Gradient steps per turn, and turns of each state."""
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


class States:
    """One agent that is put into several states, so that only the states differ.

    Two equal agents differ in speed by up to 10 %, since their tensors lie elsewhere in
    memory. Here, the tensors keep their places.

    Args:
        kind: Algorithm and policy.
    """

    def __init__(self, kind: tuple[type[SAC], type[Any]] = VALUE_SAC) -> None:
        self.model = agent(kind)
        self.features = sp.FeatureCallback(pretraining=0)
        self.pruning = sp.PruningCallback("xinet", LEARNING, total_timesteps=10**6)
        _, self.callbacks = self.model._setup_learn(
            10**6, CallbackList([self.features, self.pruning])
        )
        self.callbacks.on_training_start({}, {})
        _fill(self.model, self.callbacks)
        self.places = list(_gates(self.model.policy))
        self.learns = True

    def without_gates(self) -> None:
        """Take the gates out."""
        self._rest()
        for parent, name, _ in self.places:
            setattr(parent, name, nn.Identity())

    def with_open_gates(self) -> None:
        """Put in gates that hold no tensor."""
        self._rest()
        for parent, name, gate in self.places:
            setattr(parent, name, Gate(gate.axis))

    def with_thetas(self) -> None:
        """Put in the gates whose thetas are learnt, and go on learning them."""
        if not self.learns:
            for parent, name, gate in self.places:
                setattr(parent, name, gate)
            self.pruning.on_training_start({}, {})
            self.learns = True

    def _rest(self) -> None:
        if self.learns:
            self.pruning.on_training_end()
            self.learns = False

    def work(self) -> int:
        """Take gradient steps of the extractor and the agent."""
        for _ in range(STEPS):
            self.features.on_rollout_end()
            if self.learns:
                self.pruning.on_rollout_end()
            self.model.train(gradient_steps=1, batch_size=256)
        return STEPS


def agent(kind: tuple[type[SAC], type[Any]] = VALUE_SAC) -> Any:
    """Return an untrained agent with OFE-Big, of the paper's size."""
    algorithm, policy = kind
    return algorithm(
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


def _fill(model: Any, callback: Any) -> None:
    """Fill the replay buffer, with random actions."""
    steps = TrainFreq(512, TrainFrequencyUnit.STEP)
    model.learning_starts = 10**9
    model.collect_rollouts(
        model.env, callback, steps, model.replay_buffer, learning_starts=10**9
    )
    model.learning_starts = 0


def _gates(policy: nn.Module) -> Iterator[tuple[nn.Module, str, Gate]]:
    for module in policy.modules():
        for name, child in module.named_children():
            if isinstance(child, Gate):
                yield module, name, child


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
    """Compare the steps per second of an agent in several states."""
    value_sac, stock, small = States(), States(STOCK_SAC), States()
    small.with_open_gates()
    cut(small.model, KEPT)
    states = {
        "no gates": (value_sac, value_sac.without_gates),
        "gates open": (value_sac, value_sac.with_open_gates),
        "thetas learning": (value_sac, value_sac.with_thetas),
        "after removal": (small, small.with_open_gates),
        "stock SAC, no gates": (stock, stock.without_gates),
        "stock SAC, thetas learning": (stock, stock.with_thetas),
    }
    contenders = {name: owner.work for name, (owner, _) in states.items()}
    found = rates(contenders, ROUNDS, prepare=lambda name: states[name][1]())
    table = Table(
        "(h) OFE-Big, 8 + 8 blocks of 128, networks 2x512, batch 256",
        ["agent", "parameters to train", "steps/s", "beside no gates"],
    )
    shares = {n: ratio(values, found[_beside(n)]) for n, values in found.items()}
    for name, share in shares.items():
        counted = sp.complexity(states[name][0].model).params_train
        table.rows.append([name, counted, statistics.median(found[name]), share])
        if name.endswith(("open", "learning")):
            text = f"{name}: at most 5 % more per step (ratio {share:.3f})"
            table.claim(text, hardly_slower(share))
    share = shares["after removal"]
    table.claim(f"after removal: at least 4x faster ({share:.1f}x)", share >= 4)
    return table


def hardly_slower(rate: float) -> bool:
    """Tell whether a step takes at most 5 % more time, from the ratio of two rates."""
    return 1 / rate <= 1 + MORE


def _beside(name: str) -> str:
    stock = name.startswith("stock SAC")
    return "stock SAC, no gates" if stock else "no gates"
