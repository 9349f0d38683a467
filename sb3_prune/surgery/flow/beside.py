"""Beside: what surgery has to know of networks that a model holds beside its policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.surgery.optimizer import optimizers

Reads = tuple[tuple[str, frozenset[int]], ...]
"""Why units are fixed that a tensor may hold, each with the sizes of their axes."""
Readers = nn.Linear | nn.modules.conv._ConvNd


@dataclass(frozen=True)
class Beside:
    """What a model holds beside its policy, as noted when the model was wired."""

    stepped: frozenset[str] = frozenset()
    """The policy's children that the model's own optimisers update."""
    reads: Reads = ()
    """Tensors of the model, and of its own modules, which no forward uses."""


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
    """Return what a model holds beside its policy that may read the policy's units.

    A layer may read units along one axis only. Copies of the policy, such as running
    averages of its weights, hold units along every axis, and so do vectors of all its
    parameters, from which evolution strategies such as ARS write them back.

    Args:
        model: The model.
    """
    return (*_vectors(model), *_modules(model))


def _vectors(model: BaseAlgorithm) -> Iterator[tuple[str, frozenset[int]]]:
    """Yield the attributes from which a policy without optimisers may be written.

    With an optimiser they are copies, as for the distance from the start.
    """
    if optimizers(model):
        return
    shapes = [parameter.shape for parameter in model.policy.parameters()]
    total = sum(shape.numel() for shape in shapes)
    for name, value in vars(model).items():
        is_array = isinstance(value, torch.Tensor | np.ndarray)
        if is_array and value.shape[-1:] == (total,):
            why = (
                f"'model.{name}' holds all {total:,} parameters of the policy as a "
                "vector, which would keep its length"
            )
            yield why, frozenset(size for shape in shapes for size in shape)


def _modules(model: BaseAlgorithm) -> Iterator[tuple[str, frozenset[int]]]:
    """Yield the tensors of a model's own modules."""
    policy = model.policy
    inside = {id(m) for m in policy.modules()} | {id(p) for p in policy.parameters()}
    for name, value in vars(model).items():
        if isinstance(value, nn.Module) and id(value) not in inside:
            for tensor, why, sizes in _tensors(f"model.{name}", value, policy):
                if sizes and id(tensor) not in inside:
                    yield why, sizes


def unread(path: str) -> str:
    """Return why units are fixed that a tensor may read, which no forward does."""
    return (
        f"no forward reads '{path}', which may read these units: declare a forward "
        "that does, by a method extra_forwards of the policy"
    )


def _why(path: str, copies: Mapping[str, str]) -> str:
    """Return why a tensor fixes units; of nested copies the outermost is named."""
    for place, what in copies.items():
        if path.startswith(f"{place}."):
            return (
                f"'{place}' looks like a copy of {what}, and would keep its units: "
                "take it away while units change, and copy anew afterwards"
            )
    return unread(path)


def read_size(owner: Readers, weight: nn.Parameter | torch.Tensor) -> int:
    """Return how many units a Linear or a convolution reads by its weight."""
    # With groups, axis 1 has fewer; of a transposed convolution, it makes units.
    if isinstance(owner, nn.modules.conv._ConvNd):
        return int(owner.in_channels)
    return weight.shape[1]


def _tensors(
    place: str, module: nn.Module, policy: nn.Module
) -> Iterator[tuple[nn.Parameter, str, frozenset[int]]]:
    """Yield each parameter, why it fixes units, and along axes of which sizes."""
    copied = set(_copied(module, policy))
    told = dict(_copies(place, module, policy))
    for path, owner in module.named_modules(prefix=place):
        for name, tensor in owner.named_parameters(recurse=False):
            sizes = tuple(tensor.shape)
            if isinstance(owner, Readers) and id(owner) not in copied:
                sizes = (read_size(owner, tensor),) if tensor.ndim > 1 else ()
            yield tensor, _why(f"{path}.{name}", told), frozenset(sizes) - {1}


def _copied(module: nn.Module, policy: nn.Module) -> Iterator[int]:
    """Yield the ids of all modules in copies of the policy or of its children."""
    kinds = {type(original) for original in _originals(policy).values()}
    for part in module.modules():
        if type(part) in kinds:
            yield from map(id, part.modules())


def _copies(
    place: str, module: nn.Module, policy: nn.Module
) -> Iterator[tuple[str, str]]:
    """Yield where a module holds copies, and of what. They may have other widths."""
    for path, part in module.named_modules(prefix=place):
        for what, original in _originals(policy).items():
            # A copy of a stock policy stays one when the policy gets gates.
            if isinstance(original, type(part)) and _names(part) == _names(original):
                yield path, what
                break


def _originals(policy: nn.Module) -> dict[str, nn.Module]:
    """Return the policy and its children by what they are called, none of torch's."""
    named = {f"'{name}'": child for name, child in policy.named_children()}
    known = {"the policy": policy, **named}
    return {
        what: module
        for what, module in known.items()
        if not type(module).__module__.startswith("torch.")
    }


def _names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]
