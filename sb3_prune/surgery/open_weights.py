"""Open weights: entries of a weight that no closed gate makes meaningless."""

from __future__ import annotations

import torch
from torch import nn

from sb3_prune.surgery.wiring import Wiring


def between_open(module: nn.Module, wiring: Wiring) -> torch.Tensor:
    """Return which entries of a module's weight lie between open units.

    Args:
        module: A module of an online network.
        wiring: The hidden layers of the agent.

    Returns:
        False where the entry feeds or reads a unit whose gate is closed, bool, in the
        shape of the weight.
    """
    found = torch.ones_like(module.get_parameter("weight"), dtype=torch.bool)
    for layer in wiring.values():
        for slot in layer.group.slots:
            if slot.owner is module and slot.attribute == "weight":
                slot.units(found, layer.units)[~layer.active] = False
    return found
