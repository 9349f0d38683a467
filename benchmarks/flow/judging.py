"""Judging: trace a random policy, and check the result by trials."""

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
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.flow.slots import Slot
from sb3_prune.surgery.flow.trace import trace
from sb3_prune.surgery.trial import TOLERANCE, copied, outputs, try_cut
from sb3_prune.surgery.wiring import wire

MOVES = "removing dead units moves"
"""First words of a trial's reason if only the values of the outputs refuted it."""


def judge(seed: int) -> dict[str, Any]:
    """Trace the policy of a seed, and run a trial of every layer that may lose units.

    Returns:
        ``groups``: for each layer its ``kind`` (``fixed`` or ``free``), ``soft``,
        ``mixes``, and in ``refuted`` the reason why its trial failed, or None.
        ``joint``: the reason why a trial of all layers failed that had passed alone, or
        None. All is JSON-able.
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
    """Drop or shift each slot of each layer that passes its trial; repeat the trial.

    A good trial fails now, as the slots are wrong.

    Returns:
        ``groups``: the number of layers. ``mutants``: for each changed slot the layer,
        the slot, how it was changed, and in ``said`` the reason why the trial failed.
        If ``said`` is None and an output depends on the slot (``matters``), the trial
        has missed the mistake. All is JSON-able.
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
    """Yield each slot with its replacement: None (dropped), or the slot shifted.

    A layer's only slot is not dropped, as nothing would be cut without a slot.
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
    """Return whether any output depends on the values in the slots."""
    twin = copied(policy)
    before = outputs(twin)
    for slot in _in(twin, policy, [s for s in slots if s is not None]):
        slot.units(slot.tensor, group.units).add_(1.0)
    pairs = zip(before, outputs(twin), strict=True)
    return any(not torch.allclose(x, y, atol=TOLERANCE) for (_, x), (_, y) in pairs)


def _in(twin: nn.Module, policy: nn.Module, slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """Return the slots of a policy as slots of its copy."""
    paths = {module: name for name, module in policy.named_modules()}
    modules = dict(twin.named_modules())
    return tuple(replace(slot, owner=modules[paths[slot.owner]]) for slot in slots)


def _try_instead(policy: nn.Module, group: Group) -> str | None:
    """Run a trial of a layer with another group instead of the traced one."""

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
