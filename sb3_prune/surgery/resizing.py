"""Resizing: the plan that gives every hidden layer the width it was saved with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sb3_prune.surgery.change import Change, add, keep
from sb3_prune.surgery.wiring import Wiring


@dataclass
class _Equation:
    """What the length of a saved axis says of the layers along it."""

    blocks: dict[str, int]
    """Entries of each unit, by layer."""
    entries: int
    """Entries of all these layers together, as saved."""

    def solve(self, units: dict[str, int]) -> Iterator[tuple[str, int]]:
        """Yield the units of the one layer that is not known yet, if it is one."""
        unknown = [name for name in self.blocks if name not in units]
        if len(unknown) != 1:
            return
        known = sum(units[n] * b for n, b in self.blocks.items() if n in units)
        count, rest = divmod(self.entries - known, self.blocks[unknown[0]])
        if rest == 0 and count > 0:
            yield unknown[0], count


def resize_plan(
    policy: nn.Module, wiring: Wiring, state_dict: Mapping[str, Any]
) -> dict[str, Change]:
    """Return the plan that gives every hidden layer the width it was saved with.

    Args:
        policy: The policy that is to load.
        wiring: Its hidden layers.
        state_dict: What was saved.
    """
    saved = saved_units(policy, wiring, state_dict)
    return {
        name: _resize(wiring[name].units, units)
        for name, units in saved.items()
        if units != wiring[name].units
    }


def saved_units(
    policy: nn.Module, wiring: Wiring, state_dict: Mapping[str, Any]
) -> dict[str, int]:
    """Return the units of every layer that a state dictionary tells, by layer."""
    equations = list(_equations(policy, wiring, state_dict))
    units: dict[str, int] = {}
    while True:
        found = [pair for equation in equations for pair in equation.solve(units)]
        if not found:
            return units
        units.update(reversed(found))


def _equations(
    policy: nn.Module, wiring: Wiring, state_dict: Mapping[str, Any]
) -> Iterator[_Equation]:
    paths = {module: name for name, module in policy.named_modules()}
    along: dict[tuple[nn.Module, str, int], dict[str, int]] = defaultdict(dict)
    for name, layer in wiring.items():
        for slot in layer.group.slots:
            blocks = along[slot.owner, slot.attribute, slot.axis]
            blocks[name] = blocks.get(name, 0) + slot.block
    for (owner, attribute, axis), blocks in along.items():
        path = f"{paths[owner]}.{attribute}".lstrip(".")
        saved, here = state_dict.get(path), getattr(owner, attribute)
        if isinstance(saved, torch.Tensor) and saved.ndim == here.ndim:
            ours = sum(wiring[name].units * block for name, block in blocks.items())
            yield _Equation(blocks, saved.shape[axis] - (here.shape[axis] - ours))


def _resize(units: int, wanted: int) -> Change:
    if wanted > units:
        return add(wanted - units, units)
    return keep(range(wanted), units)
