"""(b) How much faster is cutting than masking, and (c) what does a cut cost?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from stable_baselines3 import PPO, SAC
from torch.nn.utils import prune as torch_prune

import sb3_prune as sp
from benchmarks.harness import Noise, Table, rates, ratio, ready
from sb3_prune.compensation.proposing import carry_out, propose
from sb3_prune.pruning import look_at, make_strategy
from sb3_prune.surgery import keep
from sb3_prune.surgery.flow.forwards import Inputs

WIDTH = 1024
COUNT = 4096
"""States that compensated cuts of SAC are fitted on."""
SMALL = 2048
"""The same for PPO: one rollout."""


def big(policy: Any = "MlpPolicy", device: Any = "cpu", width: int = WIDTH) -> SAC:
    """Build SAC with two hidden layers of ``width`` units and a filled buffer."""
    arch = {"net_arch": [width, width]}
    model = SAC(
        policy, Noise(), learning_starts=1000, policy_kwargs=arch, device=device, seed=0
    )
    ready(model)
    return model


def masked_by_torch(share: float) -> SAC:
    """Mask whole units with ``torch.nn.utils.prune``, in target networks, too."""
    model = big()
    for layer in sp.wire(model.policy).values():
        for twin in (layer, layer.target):
            if twin is not None:
                torch_prune.ln_structured(
                    twin.module, "weight", amount=share, n=2, dim=0
                )
    return model


def cut(share: float) -> SAC:
    """Remove units with sb3_prune."""
    model = big(sp.MaskedSACPolicy)
    sp.prune(model, "magnitude", {"final_sparsity": share})
    return model


def steps(model: SAC, count: int) -> Callable[[], int]:
    """Return a function that takes gradient steps."""

    def work() -> int:
        model.train(gradient_steps=count, batch_size=256)
        return count

    return work


def run_speed() -> Table:
    """Compare gradient steps per second of dense, masked and cut agents."""
    table = Table(
        "(b) SAC 2x1024, 90 % of the units gone",
        ["agent", "parameters", "gradient steps/s", "times dense"],
    )
    models = {
        "dense": big(),
        "masked (torch.nn.utils.prune)": masked_by_torch(0.9),
        "cut (sb3_prune)": cut(0.9),
    }
    counts = {"cut (sb3_prune)": 60}
    found = rates(
        {name: steps(model, counts.get(name, 5)) for name, model in models.items()},
        rounds=7,
    )
    for name, model in models.items():
        share = ratio(found[name], found["dense"])
        size = sum(p.numel() for p in model.policy.parameters())
        table.rows.append([name, size, statistics.median(found[name]), share])
    gain = ratio(found["cut (sb3_prune)"], found["dense"])
    table.claim(f"cut at least 12 times dense (measured {gain:.1f})", gain >= 12)
    return table


def run_cost() -> Table:
    """Compare one ``apply`` with one gradient step, plain and compensated."""
    table = Table("(c) The price of a cut", ["", "median ms"])
    step_ms, apply_ms = [], []
    for _ in range(7):
        model = big(sp.MaskedSACPolicy)
        model.train(gradient_steps=2, batch_size=256)
        step_ms.append(_time(steps(model, 4)) / 4)
        layers = sp.wire(model).units()  # In training, the wiring is known.
        plan = sp.Plan(
            {name: keep(range(units // 2), units) for name, units in layers.items()}
        )
        apply_ms.append(_time(lambda m=model, p=plan: sp.apply(m, p)))  # type: ignore[misc]
    step, cost = statistics.median(step_ms), statistics.median(apply_ms)
    table.rows += [
        ["SAC 2x1024: one gradient step", step],
        ["SAC 2x1024: one apply, half of the units", cost],
    ]
    share = ratio(apply_ms, step_ms)
    table.claim(
        f"an apply costs less than a gradient step (measured {share:.2f} of one)",
        share < 1,
    )
    fitted = [_compensated(big(sp.MaskedSACPolicy), COUNT) for _ in range(3)]
    small = [_compensated(_ppo(), SMALL) for _ in range(7)]
    table.rows += [
        [f"SAC 2x1024: the same, compensated on {COUNT:,} states", _median(fitted)],
        [
            f"PPO 2x64: half of the units, compensated on {SMALL:,} states",
            _median(small),
        ],
    ]
    times = _median(fitted) / step
    table.claim(
        f"compensated, less than 50 gradient steps (measured {times:.0f})", times < 50
    )
    table.claim(
        f"PPO 2x64 compensated in less than 50 ms ({_median(small):.0f})",
        _median(small) < 50,
    )
    return table


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _ppo() -> PPO:
    """Build PPO with SB3's default networks and a full rollout buffer."""
    model = PPO(sp.MaskedActorCriticPolicy, Noise(), n_steps=SMALL, n_epochs=1, seed=0)
    ready(model, SMALL)
    return model


def _compensated(model: Any, count: int) -> float:
    """Return how many ms a compensated cut of half of the units takes."""
    sp.wire(model)  # In training, the wiring is known.
    generator = torch.Generator().manual_seed(0)
    critics = hasattr(model.policy, "critic")
    inputs = Inputs(
        observations=torch.randn(count, 17, generator=generator),
        actions=torch.rand(count, 6, generator=generator) if critics else None,
    )
    agent = replace(look_at(model, progress=1.0), inputs=lambda: inputs)
    strategy = make_strategy("magnitude", {"final_sparsity": 0.5, "compensate": True})
    return _time(lambda: carry_out(agent, propose(strategy, agent)))


def _time(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
