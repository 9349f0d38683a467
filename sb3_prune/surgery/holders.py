"""Holders: attributes that would keep old tensors after a cut, such as lists."""

from __future__ import annotations

import gc
from collections.abc import Container, Iterable, Iterator
from types import FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.dimensions import CACHED
from sb3_prune.surgery.flow.beside import modules_of
from sb3_prune.surgery.flow.known import is_of_known_package
from sb3_prune.surgery.optimizer import INTERNAL

_FOLLOWS = INTERNAL | CACHED | {"_flat_weights"}
"""Attributes that torch or surgery keep up to date."""
_ELSEWHERE = (type, ModuleType, FrameType, TracebackType, torch.optim.Optimizer)
"""Classes of objects that lead to whatever is global, or that follow a cut."""
_Chain = tuple[object, Any] | None
"""An object and the chain of those that lead to it."""


def check_holders(model: BaseAlgorithm | nn.Module, replaced: Container[int]) -> None:
    """Check that nothing that an agent holds, such as a list, would keep old tensors.

    Containers, functions and objects of a user's classes, such as a running average,
    are looked into, however deep tensors lie in them. No code of theirs runs.

    Args:
        model: A model, or a policy alone.
        replaced: Ids of the tensors that are to be replaced.

    Raises:
        PlanError: An attribute of the model, its policy or a module would.
    """
    seen: dict[int, object] = {id(module): module for module in modules_of(model)}
    seen[id(model)] = model
    for path, owner in _owners(model):
        for name, value in list(vars(owner).items()):
            if name in _FOLLOWS:
                continue
            for tensor, chain in _tensors(value, seen):
                if id(tensor) in replaced:
                    where = f"{path}.{name}{_path(chain)}".lstrip(".")
                    raise PlanError(
                        f"'{where}' holds tensors of units that would change, and "
                        "cannot be updated: read the tensors from their module each "
                        "time, or hold the module instead."
                    )


def _tensors(
    value: object, seen: dict[int, object]
) -> Iterator[tuple[torch.Tensor, _Chain]]:
    """Yield the tensors that a value leads to, each with what leads there.

    Args:
        value: The value.
        seen: What was looked into, by id. It is kept, so that no id is used twice.
    """
    todo: list[tuple[object, _Chain]] = [(value, None)]
    while todo:
        held, chain = todo.pop()
        if issubclass(type(held), torch.Tensor):
            yield held, (held, chain)  # type: ignore[misc]
        elif id(held) not in seen and _is_looked_into(type(held)):
            seen[id(held)] = held
            link = held, chain
            # What the collector does not track, as numbers, leads nowhere.
            todo.extend((each, link) for each in filter(gc.is_tracked, _inside(held)))


def _is_looked_into(kind: type) -> bool:
    """Tell whether objects of a class may hold tensors that nobody else updates."""
    # Optimisers follow, or are refused by check_followable.
    if issubclass(kind, _ELSEWHERE):
        return False
    return issubclass(kind, nn.Module) or not is_of_known_package(kind)


def _inside(value: Any) -> Iterable[object]:
    """Return what an object holds; of a function, not what is global to it."""
    if type(value) is FunctionType:
        held = (value.__closure__, value.__defaults__, value.__kwdefaults__)
        return [*held, vars(value)]
    return gc.get_referents(value)


def _path(chain: _Chain) -> str:
    """Return the names of the attributes along a chain, from its end."""
    names: list[str] = []
    while chain is not None:
        held, chain = chain
        if chain is not None:
            names[:0] = _names(chain, held)
    return "".join(names)


def _names(chain: tuple[object, Any], held: object) -> list[str]:
    """Return the name of an attribute, as a list of one, or none if it has no name."""
    owner, before = chain
    # An object may lead to its attributes directly, or to the dictionary of them.
    above = owner if before is None or type(owner) is not dict else before[0]
    for each in (owner, above):
        attributes = getattr(each, "__dict__", None)
        if attributes is not held and type(attributes) is dict:
            return [f".{n}" for n, value in attributes.items() if value is held][:1]
    return []


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
