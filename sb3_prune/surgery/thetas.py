"""Thetas: move the probabilities of Bernoulli gates into weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery.change import NO_NOISE
from sb3_prune.surgery.flow.quiet import noise
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import HiddenLayer, multiplied
from sb3_prune.surgery.wiring import policy_of, wire


@torch.no_grad()
def absorb(model: BaseAlgorithm | nn.Module) -> None:
    r"""Multiply the outgoing weights of each unit by its theta, and drop the thetas.

    .. math:: W_{l+1, \cdot k} \leftarrow \theta_k W_{l+1, \cdot k}

    In evaluation a gate multiplies its unit by :math:`\theta_k`, the expected value of
    its Bernoulli variable (Guenter & Sideris 2025). Readers are linear, so they may
    multiply by it instead: the agent acts as before. gSDE's noise reads units as well,
    so the standard deviations of its weights are multiplied, too. When training goes
    on, gates draw nothing any more. The state of optimisers does not change.

    Args:
        model: A model or policy; online and target networks change in place.

    Raises:
        UnsupportedPolicyError: Thetas weigh the units of a layer normalisation, which
            no weights can express; nothing was changed.
    """
    policy = policy_of(model)
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
        elif (drawn := noise(slot.owner)) is not None:
            _quieten(drawn, slot, theta)
    layer.gate.settle()


def _quieten(
    drawn: StateDependentNoiseDistribution, slot: Slot, theta: torch.Tensor
) -> None:
    """Multiply the deviations of gSDE's noise, and what is drawn, by thetas."""
    units = slot.units(slot.tensor.detach(), len(theta))
    factor = theta.reshape(-1, *[1] * (units.ndim - 1))
    units.copy_(_lower(units, factor, expln=drawn.use_expln))
    one, many = drawn.exploration_mat, drawn.exploration_matrices
    drawn.exploration_mat = multiplied(one, slot, theta)
    drawn.exploration_matrices = multiplied(many, replace(slot, axis=1), theta)


def _lower(log_std: torch.Tensor, factor: torch.Tensor, *, expln: bool) -> torch.Tensor:
    """Return the ``log_std`` of deviations that are multiplied by a factor.

    With ``use_expln``, deviations above 1 are 1 + log(1 + log_std).
    """
    if not expln:
        return (log_std + factor.log()).clamp_min(NO_NOISE)
    above = log_std.clamp_min(0.0).log1p() + 1
    new = torch.where(log_std > 0, above, log_std.exp()) * factor
    return torch.where(new > 1, (new - 1).expm1(), new.log()).clamp_min(NO_NOISE)
