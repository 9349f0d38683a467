"""Laws: the guarantees of surgery, measured on a device."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from benchmarks.cuda.agents import AGENTS, trained, update
from benchmarks.harness import Table
from benchmarks.random_networks import random_policy
from sb3_prune.surgery import remove, remove_closed
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.trial import copied, kill, outputs, refute

UPDATES = 20
EXACT, CLOSE = 1e-4, 1e-3
"""How far rounding may move outputs: in one forward pass, and over some updates."""
NONE = "-"
COLUMNS = [
    "agent",
    "dead units removed",
    "... with TF32 as torch has it",
    f"cut beside masked, {UPDATES} updates",
    "loaded again",
    "loaded on the CPU",
    "faults of optimisers",
    "wrongly refuted",
]


def run(device: torch.device, short: bool) -> Table:
    """Measure every law for every agent.

    Args:
        device: Device of the agents.
        short: Take fewer agents and seeds.
    """
    table = Table(f"Laws on {device.type}: how far outputs move", COLUMNS)
    names = list(AGENTS)[:1] if short else list(AGENTS)
    table.rows = [[name, *_measure(name, device)] for name in names]
    for place, bound in ((1, EXACT), (3, CLOSE), (4, 0.0), (5, CLOSE)):
        far, worst = max(
            (float(row[place]), row[0]) for row in table.rows if row[place] != NONE
        )
        text = f"{COLUMNS[place]}: at most {bound:g} ({far:.0e} by {worst})"
        table.claim(text, far <= bound)
    for place in (6, 7):
        wrong = [row[0] for row in table.rows if row[place]]
        table.claim(f"no {COLUMNS[place]}{': ' * bool(wrong)}{wrong or ''}", not wrong)
    seeds = range(1 if short else 24)
    unlike = [seed for seed in seeds if not _is_alike(seed, device)]
    text = f"groups and trials of {len(seeds)} random policies are those of the CPU"
    table.claim(f"{text}{f': not of {unlike}' if unlike else ''}", not unlike)
    table.claim("random states stay", _is_random_state_kept(names[0], device))
    return table


def _measure(name: str, device: torch.device) -> Iterator[Any]:
    model = trained(name, device)
    with exactly():
        yield _dead_units_go(model)
    yield _dead_units_go(model)
    with exactly():
        # After a cut, gSDE draws noise of another shape, so masked and cut differ.
        use_sde = getattr(model, "use_sde", False)
        yield NONE if use_sde else _cut_is_masked(name, device)
        sp.apply(model, _third(model.policy))
        update(model, 1)
        yield from _is_loaded(model, device)
    yield _faults(model)
    with warnings.catch_warnings():
        # torch warns if an LSTM's weights are not contiguous in memory.
        warnings.simplefilter("error", UserWarning)
        yield len(refute(model.policy, sp.wire(model.policy).values()))


@contextmanager
def exactly() -> Iterator[None]:
    """Multiply in full float32 precision, without TF32.

    By default, cuDNN rounds factors to TF32 on Ampere GPUs and later ones.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        cudnn = torch.backends.cudnn.flags
        with cudnn(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _third(policy: nn.Module, *, gated: bool = False) -> sp.Plan:
    """Return the plan that removes a random third of every layer's units.

    Args:
        policy: The policy.
        gated: Leave out layers without a gate.
    """
    rng = np.random.default_rng(0)
    changes = {}
    for name, layer in sp.wire(policy).items():
        if layer.gate is not None or not gated:
            gone = rng.permutation(layer.units)[: layer.units // 3]
            changes[name] = remove(gone.tolist(), layer.units)
    return sp.Plan(changes)


def _dead_units_go(model: BaseAlgorithm) -> str:
    """Return how far outputs move if dead units are removed.

    Units of a copy are first killed. Layers whose units are mixed are left out.
    """
    policy = copied(model.policy)
    plan = sp.Plan(
        {n: c for n, c in _third(policy).items() if not sp.wire(policy)[n].mixes}
    )
    for name, change in plan.items():
        for layer in sp.wire(policy)[name].with_targets():
            kill(layer, change.removed)
    before = outputs(policy)
    sp.apply(policy, plan)
    return _moved(before, outputs(policy))


def _cut_is_masked(name: str, device: torch.device) -> str:
    pair = [trained(name, device) for _ in range(2)]
    for model in pair:
        sp.mask(model, _third(model.policy, gated=True))
    remove_closed(pair[1])
    for model in pair:
        update(model, UPDATES)
    masked, cut = (outputs(model.policy) for model in pair)
    return _moved(masked, cut)


def _is_loaded(model: BaseAlgorithm, device: torch.device) -> Iterator[str]:
    said = outputs(model.policy)
    for place in (device, torch.device("cpu")):
        file = io.BytesIO()
        model.save(file)
        file.seek(0)
        loaded = type(model).load(file, device=place)
        assert all(p.device.type == place.type for p in loaded.policy.parameters())
        yield _moved(said, outputs(loaded.policy))


def _faults(model: BaseAlgorithm) -> int:
    """Count parameters whose optimiser state is missing or does not fit.

    The state does not fit if it has another shape or is on another device.
    """
    faults = 0
    for optimizer in optimizers(model).values():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                state = optimizer.state.get(parameter, {}).values()
                moments = [s for s in state if torch.is_tensor(s) and s.ndim]
                faults += not moments or any(
                    (m.shape, m.device) != (parameter.shape, parameter.device)
                    for m in moments
                )
    return faults


def _moved(before: list[Any], after: list[Any]) -> str:
    """Return as text how far outputs moved at most, relative to their largest entry."""
    pairs = [(x.cpu(), y.cpu()) for (_, x), (_, y) in zip(before, after, strict=True)]
    far = [(x - y).abs().max() / max(1.0, float(x.abs().max())) for x, y in pairs]
    return f"{float(torch.stack(far).max()):.0e}"


def _is_alike(seed: int, device: torch.device) -> bool:
    """Return whether trace and trials of a random policy are the same as on the CPU."""
    found = []
    for place in (torch.device("cpu"), device):
        policy = random_policy(seed).to(place)
        wiring = sp.wire(policy)
        with exactly():
            refuted = refute(policy, wiring.values())
        found.append((wiring.units(), wiring.fixed, sorted(refuted)))
    return bool(found[0] == found[1])


def _is_random_state_kept(name: str, device: torch.device) -> bool:
    """Return whether tracing and trials leave all random states unchanged."""
    policy = trained(name, device).policy
    before = _random_states()
    vars(policy).pop("_wiring_cache", None)
    refute(policy, sp.wire(policy).values())
    refute(cpu := copied(policy).cpu(), sp.wire(cpu).values())
    return all(map(torch.equal, before, _random_states()))


def _random_states() -> list[torch.Tensor]:
    return [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
