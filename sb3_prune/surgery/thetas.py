"""Thetas: move the probabilities of Bernoulli gates into weights."""

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
    r"""Multiply the outgoing weights of each unit by its theta, and drop the thetas.

    .. math:: W_{l+1, \cdot k} \leftarrow \theta_k W_{l+1, \cdot k}

    In evaluation a gate multiplies its unit by :math:`\theta_k`, the expected value of
    its Bernoulli variable (Guenter & Sideris 2025). Readers are linear, so they may
    multiply by it instead: the agent acts as before. When training goes on, gates draw
    nothing any more. The state of optimisers does not change.

    Args:
        model: A model or policy; online and target networks change in place.

    Raises:
        UnsupportedPolicyError: Thetas weigh the units of a layer normalisation, which
            no weights can express; nothing was changed.
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    twins = [twin for layer in wire(policy).values() for twin in layer.with_targets()]
    if refused := [twin.name for twin in twins if _is_weighed(twin)]:
        raise UnsupportedPolicyError(
            f"Thetas of {', '.join(refused)} weigh the units of a layer normalisation, "
            "which no weights can express: round the thetas first, as xinet does at "
            "its end, or use an extractor with norm 'batch' or 'none'."
        )
    for twin in twins:
        _absorb(twin)


def _is_weighed(layer: HiddenLayer) -> bool:
    """Tell whether the thetas of a layer weigh its units in a normalisation."""
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
