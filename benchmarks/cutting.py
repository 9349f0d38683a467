"""(b) How much faster is cutting than masking, and (c) what does a cut cost?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from stable_baselines3 import SAC
from torch.nn.utils import prune as torch_prune

import sb3_prune as sp
from benchmarks.harness import Noise, Table, rates, ratio, ready
from sb3_prune.surgery import keep

WIDTH = 1024


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
    """Compare one ``apply`` with one gradient step."""
    table = Table(
        "(c) The price of a cut, SAC 2x1024",
        ["", "median ms"],
    )
    step_ms, apply_ms = [], []
    for _ in range(7):
        model = big(sp.MaskedSACPolicy)
        model.train(gradient_steps=2, batch_size=256)
        step_ms.append(_time(steps(model, 4)) / 4)
        layers = sp.wire(model.policy).units()
        plan = sp.Plan(
            {name: keep(range(units // 2), units) for name, units in layers.items()}
        )
        apply_ms.append(_time(lambda m=model, p=plan: sp.apply(m, p)))  # type: ignore[misc]
    step, cost = statistics.median(step_ms), statistics.median(apply_ms)
    table.rows += [["one gradient step", step], ["one apply, half of the units", cost]]
    share = ratio(apply_ms, step_ms)
    table.claim(
        f"an apply costs less than a gradient step (measured {share:.2f} of one)",
        share < 1,
    )
    return table


def _time(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
