"""Holders: attributes that would keep old tensors after a cut, such as lists."""

from __future__ import annotations

from collections.abc import Container, Iterator

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.dimensions import CACHED
from sb3_prune.surgery.flow.known import is_of_known_package
from sb3_prune.surgery.optimizer import INTERNAL, tensors_in

_FOLLOWS = INTERNAL | CACHED | {"_flat_weights"}
"""Attributes that torch or surgery keep up to date."""


def check_holders(model: BaseAlgorithm | nn.Module, replaced: Container[int]) -> None:
    """Check that no attribute, such as a list of parameters, would keep old tensors.

    Objects of a user's classes, such as a running average, are looked into as well.

    Args:
        model: A model, or a policy alone.
        replaced: Ids of the tensors that are to be replaced.

    Raises:
        PlanError: An attribute of the model, its policy or a module would.
    """
    for path, owner in _owners(model):
        for name, value in _attributes(owner):
            if any(id(tensor) in replaced for tensor in tensors_in(value)):
                where = f"{path}.{name}".lstrip(".")
                raise PlanError(
                    f"'{where}' holds tensors of units that would change, and cannot "
                    "be updated: read the tensors from their module each time, or "
                    "hold the module instead."
                )


def _attributes(owner: object) -> Iterator[tuple[str, object]]:
    """Yield the attributes of an owner, and those of users' objects among them."""
    for name, value in vars(owner).items():
        if name in _FOLLOWS:
            continue
        yield name, value
        # Optimisers follow, or are refused by check_followable.
        looked = isinstance(value, (nn.Module, torch.optim.Optimizer))
        if not looked and not is_of_known_package(type(value)):
            inside = getattr(value, "__dict__", {})
            yield from ((f"{name}.{inner}", held) for inner, held in inside.items())


def check_ties(policy: nn.Module, replaced: Container[int]) -> None:
    """Check that no two parameters share memory: a cut would separate them.

    Args:
        policy: The policy.
        replaced: Ids of the tensors that are to be replaced.

    Raises:
        PlanError: Two parameters do, as after ``a.weight.data = b.weight.data``.
    """
    places: dict[tuple[int, torch.Size], tuple[str, nn.Parameter]] = {}
    for path, parameter in policy.named_parameters():
        place = parameter.data_ptr(), parameter.shape
        other, first = places.setdefault(place, (path, parameter))
        cut = id(parameter) in replaced or id(first) in replaced
        if first is not parameter and parameter.numel() and cut:
            raise PlanError(
                f"'{path}' and '{other}' are two parameters that share memory, and a "
                "cut would separate them: let both modules hold the same parameter."
            )


def _owners(model: BaseAlgorithm | nn.Module) -> Iterator[tuple[str, object]]:
    if isinstance(model, BaseAlgorithm):
        yield "model", model
        yield from model.policy.named_modules()
    else:
        yield from model.named_modules()
