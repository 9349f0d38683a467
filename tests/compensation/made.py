"""Networks whose removed units the others can express, and inputs for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from cutting import make_constant
from stable_baselines3.common.base_class import BaseAlgorithm

import sb3_prune as sp
from sb3_prune.surgery import remove
from sb3_prune.surgery.flow.forwards import Inputs, sample_inputs
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer


@torch.no_grad()
def echo(
    layer: HiddenLayer, units: Sequence[int], copies: Sequence[int], scale: torch.Tensor
) -> None:
    """Let units of a layer and of its targets repeat other ones, times a scale."""
    for twin in layer.with_targets():
        for slot in twin.group.slots:
            if slot.side not in (Side.ROWS, Side.UNIT):
                continue
            entries = slot.units(slot.tensor.data, twin.units)
            own = torch.ones_like(scale) if slot.side is Side.UNIT else scale
            factor = own.reshape(-1, *[1] * (entries.ndim - 1))
            entries[list(copies)] = entries[list(units)] * factor


def redundant(
    model: BaseAlgorithm,
    *,
    scaled: bool = False,
    constants: bool = True,
    only: Callable[[HiddenLayer], bool] = lambda layer: True,
) -> sp.Plan:
    """Make a third of each layer's units redundant; return the plan that removes them.

    Args:
        model: The model, which is changed.
        scaled: Units are repeated times a positive number: for ReLU networks.
        constants: One more unit of each layer says the same to every observation.
        only: Tells which layers.
    """
    plan = {}
    for name, layer in sp.wire(model).items():
        third = layer.units // 3
        if not third or not only(layer):
            continue
        copies = list(range(third, 2 * third))
        scale = torch.linspace(0.5, 2.0, third) if scaled else torch.ones(third)
        echo(layer, range(third), copies, scale.to(layer.like.detach()))
        gone = list(copies)
        if constants and layer.gate is not None and not layer.mixes:
            make_constant(layer, [2 * third])
            gone.append(2 * third)
        plan[name] = remove(gone, layer.units)
    return sp.Plan(plan)


def inputs_of(model: BaseAlgorithm, count: int = 300, seed: int = 1) -> Inputs:
    """Draw inputs from the spaces of a model; no test looks at the same ones."""
    return sample_inputs(model.policy, count, seed)
