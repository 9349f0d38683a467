"""Plans that cut anything, and models that are worth cutting, for the laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from hypothesis import Phase, settings
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import remove
from sb3_prune.surgery.change import NO_NOISE
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.tried import tried_layers

few = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)


def cut(
    policy: nn.Module, seed: int = 0, only: Callable[[HiddenLayer], bool] | None = None
) -> sp.Plan:
    """Remove a random third of the units of some layers; at least one stays.

    Args:
        policy: The policy.
        seed: Seed of the units.
        only: Tells the layers; all by default.
    """
    rng = np.random.default_rng(seed)
    changes = {}
    for name, layer in sp.wire(policy).items():
        if only is None or only(layer):
            gone = rng.permutation(layer.units)[: max(1, layer.units // 3)]
            changes[name] = remove(gone[: layer.units - 1].tolist(), layer.units)
    return sp.Plan(changes)


@torch.no_grad()
def stirred(model: BaseAlgorithm) -> BaseAlgorithm:
    """Leave nothing neutral in a new model: weights, statistics, optimisers' states.

    They take one step by random gradients, so that each has all of its state. Copies
    of the policy count as tried: laws are to hold by tracing alone.
    """
    policy = model.policy
    tried_layers(policy).update(sp.wire(policy))
    generator = torch.Generator().manual_seed(5)
    for tensor in (*policy.parameters(), *policy.buffers()):
        if tensor.is_floating_point():
            tensor.add_(0.2 * torch.rand(tensor.shape, generator=generator) - 0.1)
    for optimizer in optimizers(policy).values():
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()
    return model


def is_exact(layer: HiddenLayer) -> bool:
    """Tell layers that law 1 speaks of: nothing mixes their units."""
    return not layer.mixes


@torch.no_grad()
def silence_readers(layer: HiddenLayer, units: list[int]) -> None:
    """Let nothing read units of a layer and of its targets."""
    for twin in layer.with_targets():
        for slot in twin.readers:
            dead = NO_NOISE if slot.side is Side.NOISE else 0.0
            slot.units(slot.tensor.data, twin.units)[units] = dead
        if twin.group.two_sided:  # What reads them makes them.
            make_constant(twin, units, 0.0)


@torch.no_grad()
def make_constant(layer: HiddenLayer, units: list[int], value: float = 0.7) -> None:
    """Let nothing but a bias feed units of a layer and of its targets."""
    for twin in layer.with_targets():
        for slot in twin.group.slots:
            if slot.side is Side.ROWS:
                constant = value if slot.tensor.ndim < MATRIX else 0.0
                slot.units(slot.tensor.data, twin.units)[units] = constant
