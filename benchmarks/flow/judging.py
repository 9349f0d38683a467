"""Judging: what tracing says of a random policy, and what trials say of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from benchmarks.random_networks import random_policy
from sb3_prune.surgery import wiring
from sb3_prune.surgery.flow.slots import Slot
from sb3_prune.surgery.flow.trace import Group, trace
from sb3_prune.surgery.trial import TOLERANCE, copied, outputs, try_cut
from sb3_prune.surgery.wiring import wire

MOVES = "removing dead units moves"
"""How the reason of a trial begins that nothing but values gave away."""


def judge(seed: int) -> dict[str, Any]:
    """Trace the policy of a seed, and try every layer whose units may go.

    Returns:
        ``groups``, each with ``kind`` (``fixed`` or ``free``), ``soft``, ``mixes`` and
        why a trial refuted it alone, if one did; ``joint``, why a trial of all that
        passed alone failed; JSON-able.
    """
    policy = random_policy(seed)
    listed = {*wire(policy), *wire(policy).fixed}
    groups = [_judged(policy, g) for g in trace(policy) if g.name in listed]
    passed = [g["name"] for g in groups if g["kind"] == "free" and g["refuted"] is None]
    joint = try_cut(policy, passed) if passed else None
    return {"seed": seed, "groups": groups, "joint": joint}


def _judged(policy: ActorCriticPolicy, group: Group) -> dict[str, Any]:
    free = group.fixed is None
    return {
        "name": group.name,
        "units": group.units,
        "kind": "free" if free else "fixed",
        "why": group.fixed,
        "soft": sorted(group.soft),
        "mixes": sorted(group.mixes),
        "refuted": try_cut(policy, [group.name]) if free else None,
    }


def mutate(seed: int) -> dict[str, Any]:
    """Drop or shift every slot of every layer that passes its trial, and try it again.

    Returns:
        ``groups``, how many layers; ``mutants``, each with the layer, what was done to
        which slot, and what the trial said: None is a miss, if any output depends on
        what was moved; JSON-able.
    """
    policy = random_policy(seed)
    free = [g for g in trace(policy) if g.name in wire(policy)]
    passed = [g for g in free if try_cut(policy, [g.name]) is None]
    found = []
    for group in passed:
        for slot, moved in _mutants(group):
            instead = [moved if s is slot else s for s in group.slots]
            slots = tuple(s for s in instead if s is not None)
            said = _try_instead(policy, replace(group, slots=slots))
            mutant = {
                "layer": group.name,
                "mixes": sorted(group.mixes),
                "slot": _named(policy, slot),
                "how": "dropped" if moved is None else "shifted",
                "said": said,
            }
            if said is None:
                mutant["matters"] = _matter(policy, group, [slot, moved])
            found.append(mutant)
    return {"seed": seed, "groups": len(passed), "mutants": found}


def _mutants(group: Group) -> Iterator[tuple[Slot, Slot | None]]:
    """Yield each slot with what stands in its place: nothing, or its neighbour.

    The only slot is not dropped: no slot, no cut.
    """
    for slot in group.slots:
        if len(group.slots) > 1:
            yield slot, None
        stop = slot.start + group.units * slot.block
        room = slot.tensor.shape[slot.axis] - stop
        if slot.block <= max(room, slot.start):
            by = slot.block if slot.block <= room else -slot.block
            yield slot, replace(slot, start=slot.start + by)


@torch.no_grad()
def _matter(policy: nn.Module, group: Group, slots: list[Slot | None]) -> bool:
    """Tell whether any output depends on what is in some stretches of tensors."""
    twin = copied(policy)
    before = outputs(twin)
    for slot in _in(twin, policy, [s for s in slots if s is not None]):
        slot.units(slot.tensor, group.units).add_(1.0)
    pairs = zip(before, outputs(twin), strict=True)
    return any(not torch.allclose(x, y, atol=TOLERANCE) for (_, x), (_, y) in pairs)


def _in(twin: nn.Module, policy: nn.Module, slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """Return slots of a policy in its copy."""
    paths = {module: name for name, module in policy.named_modules()}
    modules = dict(twin.named_modules())
    return tuple(replace(slot, owner=modules[paths[slot.owner]]) for slot in slots)


def _try_instead(policy: nn.Module, group: Group) -> str | None:
    """Try a layer of a policy, with another group in its place."""

    def mutated(twin: nn.Module) -> list[Group]:
        slots = _in(twin, policy, group.slots)
        return [
            replace(g, slots=slots) if g.name == group.name else g for g in trace(twin)
        ]

    with patch.object(wiring, "trace", mutated):
        return try_cut(policy, [group.name])


def _named(policy: nn.Module, slot: Slot) -> str:
    paths = {module: name for name, module in policy.named_modules()}
    stretch = f"{paths[slot.owner]}.{slot.attribute}, axis {slot.axis}"
    return f"{slot.side.value} at {stretch}, {slot.start}"
