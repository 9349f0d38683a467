"""Thetas: say in the weights what Bernoulli gates expect."""

from __future__ import annotations

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.surgery.chains import Side
from sb3_prune.surgery.wiring import HiddenLayer, wire


@torch.no_grad()
def absorb(model: BaseAlgorithm | nn.Module) -> None:
    r"""Multiply what reads each unit by its theta, and let every gate be sure again.

    .. math:: W_{l+1, \cdot k} \leftarrow \theta_k W_{l+1, \cdot k}

    What the agent does in evaluation stays equal; nothing is drawn any more when it
    trains on. Optimiser state stays as it is.

    Args:
        model: A model or policy; online networks and targets change in place.
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    for layer in wire(policy).values():
        for twin in layer.both():
            _absorb(twin)


def _absorb(layer: HiddenLayer) -> None:
    if layer.gate is None or layer.gate.theta is None:
        return
    theta = layer.gate.theta
    for slot in layer.readers:
        if slot.side is Side.COLUMNS:
            tensor = getattr(slot.owner, slot.attribute)
            units = tensor.narrow(slot.axis, slot.start, layer.units)
            units.mul_(theta if slot.axis else theta[:, None])
    layer.gate.settle()
