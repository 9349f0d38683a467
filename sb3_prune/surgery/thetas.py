"""Thetas: say in the weights what Bernoulli gates expect."""

from __future__ import annotations

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import wire


@torch.no_grad()
def absorb(model: BaseAlgorithm | nn.Module) -> None:
    r"""Multiply what reads each unit by its theta, and let every gate be sure again.

    .. math:: W_{l+1, \cdot k} \leftarrow \theta_k W_{l+1, \cdot k}

    What the agent does in evaluation stays equal; nothing is drawn any more when it
    trains on. Optimiser state stays as it is.

    Args:
        model: A model or policy; online networks and targets change in place.

    Raises:
        UnsupportedPolicyError: Thetas weigh the units of a layer normalisation, which
            no weights can say; nothing was changed.
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    twins = [twin for layer in wire(policy).values() for twin in layer.with_targets()]
    if refused := [twin.name for twin in twins if _is_weighed(twin)]:
        raise UnsupportedPolicyError(
            f"Thetas of {', '.join(refused)} weigh the units of a layer normalisation, "
            "which no weights can say: round them first, as xinet does at its end, or "
            "use an extractor of norm 'batch' or 'none'."
        )
    for twin in twins:
        _absorb(twin)


def _is_weighed(layer: HiddenLayer) -> bool:
    """Tell whether the thetas of a layer say how much each unit counts in its norm."""
    learns = layer.gate is not None and layer.gate.theta is not None
    return learns and bool(layer.mixes)


def _absorb(layer: HiddenLayer) -> None:
    if layer.gate is None or layer.gate.theta is None:
        return
    theta = layer.gate.theta
    for slot in layer.readers:
        if slot.side is Side.COLUMNS:
            units = slot.units(slot.tensor.detach(), layer.units)
            units.mul_(theta.reshape(-1, *[1] * (units.ndim - 1)))
    layer.gate.settle()
