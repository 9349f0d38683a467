"""Beside: what surgery has to know of networks that a model holds beside its policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

Reads = tuple[tuple[str, frozenset[int]], ...]
"""Paths of tensors, each with the sizes of the axes along which it may hold units."""
Readers = nn.Linear | nn.modules.conv._ConvNd


@dataclass(frozen=True)
class Beside:
    """What a model holds beside its policy, as noted when the model was wired."""

    stepped: frozenset[str] = frozenset()
    """The policy's children that the model's own optimisers update."""
    reads: Reads = ()
    """Tensors of the model's own modules, which no forward uses."""


def beside_of(policy: nn.Module) -> Beside:
    """Return what was noted of a policy's model; nothing if no model was wired."""
    noted = vars(policy).get("_beside")
    return noted if isinstance(noted, Beside) else Beside()


def modules_of(model: BaseAlgorithm | nn.Module) -> list[nn.Module]:
    """Return every module of a policy, or of all networks that a model holds."""
    if isinstance(model, nn.Module):
        return list(model.modules())
    held = [v for v in vars(model).values() if isinstance(v, nn.Module)]
    return list(dict.fromkeys(m for module in held for m in module.modules()))


def reads_beside(model: BaseAlgorithm) -> Reads:
    """Return the tensors of a model's own modules that may read the policy's units.

    A layer may read units along one axis only. Copies of the policy, such as running
    averages of its weights, hold units along every axis.

    Args:
        model: The model.
    """
    policy = model.policy
    inside = {id(m) for m in policy.modules()} | {id(p) for p in policy.parameters()}
    found: list[tuple[str, frozenset[int]]] = []
    for name, value in vars(model).items():
        if isinstance(value, nn.Module) and id(value) not in inside:
            copied = set(_copied(value, policy))
            for path, owner, tensor in _tensors(value):
                sizes = tuple(tensor.shape)
                if isinstance(owner, Readers) and id(owner) not in copied:
                    sizes = (read_size(owner, tensor),) if tensor.ndim > 1 else ()
                if id(tensor) not in inside:
                    found.append((f"model.{name}.{path}", frozenset(sizes) - {1}))
    return tuple(pair for pair in found if pair[1])


def read_size(owner: Readers, weight: nn.Parameter | torch.Tensor) -> int:
    """Return how many units a Linear or a convolution reads by its weight."""
    # With groups, axis 1 has fewer; of a transposed convolution, it makes units.
    if isinstance(owner, nn.modules.conv._ConvNd):
        return int(owner.in_channels)
    return weight.shape[1]


def _tensors(module: nn.Module) -> Iterator[tuple[str, nn.Module, nn.Parameter]]:
    for path, owner in module.named_modules():
        for name, tensor in owner.named_parameters(recurse=False):
            yield f"{path}.{name}".lstrip("."), owner, tensor


def _copied(module: nn.Module, policy: nn.Module) -> Iterator[int]:
    """Yield the ids of all modules in copies of the policy or of its children."""
    kinds = {type(m) for m in (policy, *policy.children())}
    kinds = {kind for kind in kinds if not kind.__module__.startswith("torch.")}
    for part in module.modules():
        if type(part) in kinds:
            yield from map(id, part.modules())
