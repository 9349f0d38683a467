"""Open weights: entries of a weight that no closed gate makes meaningless."""

from __future__ import annotations

from typing import Any

import torch

from sb3_prune.surgery.wiring import Wiring


def between_open(module: Any, wiring: Wiring) -> torch.Tensor:
    """Return which entries of a module's weight lie between open units.

    Args:
        module: A module with a weight, of an online network.
        wiring: The hidden layers of the agent.

    Returns:
        False where the entry feeds or reads a unit whose gate is closed, bool, in the
        shape of the weight.
    """
    weight: torch.Tensor = module.weight  # A buffer, in a frozen norm.
    found = torch.ones_like(weight, dtype=torch.bool)
    for layer in wiring.values():
        for slot in layer.group.slots:
            if slot.owner is module and slot.attribute == "weight":
                slot.units(found, layer.units)[~layer.active] = False
    return found
