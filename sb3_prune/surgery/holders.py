"""Holders: attributes that would keep old tensors after a cut, such as lists."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Container, Iterator
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.dimensions import CACHED
from sb3_prune.surgery.flow.beside import modules_of
from sb3_prune.surgery.flow.known import is_of_known_package
from sb3_prune.surgery.optimizer import INTERNAL

_FOLLOWS = INTERNAL | CACHED | {"_flat_weights"}
"""Attributes that torch or surgery keep up to date."""
_PLAIN = (
    *(str, bytes, int, float, complex, type(None), np.ndarray, np.generic),
    *(gym.Env, VecEnv, BaseBuffer),
)
"""What holds no parameters."""


def check_holders(model: BaseAlgorithm | nn.Module, replaced: Container[int]) -> None:
    """Check that nothing that an agent holds, such as a list, would keep old tensors.

    Containers, functions and objects of a user's classes, such as a running average,
    are looked into, however deep tensors lie in them.

    Args:
        model: A model, or a policy alone.
        replaced: Ids of the tensors that are to be replaced.

    Raises:
        PlanError: An attribute of the model, its policy or a module would.
    """
    following = {id(module): module for module in modules_of(model)}
    seen: dict[int, object] = {**following, id(model): model}
    for path, owner in _owners(model):
        for name, value in vars(owner).items():
            if name in _FOLLOWS:
                continue
            for where, tensor in _tensors(value, f"{path}.{name}".lstrip("."), seen):
                if id(tensor) in replaced:
                    raise PlanError(
                        f"'{where}' holds tensors of units that would change, and "
                        "cannot be updated: read the tensors from their module each "
                        "time, or hold the module instead."
                    )


def _tensors(
    value: object, where: str, seen: dict[int, object]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors that a value leads to, each with the path of its holder.

    Args:
        value: The value.
        where: Its path.
        seen: What was looked into, by id. It is kept, so that no id is used twice.
    """
    todo = [(where, value)]
    while todo:
        path, held = todo.pop()
        if isinstance(held, torch.Tensor):
            yield path, held
        elif id(held) not in seen and not isinstance(held, _PLAIN):
            seen[id(held)] = held
            todo.extend((f"{path}{name}", inner) for name, inner in _inside(held))


def _inside(value: Any) -> Iterator[tuple[str, object]]:
    """Yield what a container, a function or an object holds, each with its name."""
    if isinstance(value, dict):
        yield from (("", each) for pair in value.items() for each in pair)
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from (("", each) for each in value)
    elif isinstance(value, partial):
        yield from (("", each) for each in (value.func, value.args, value.keywords))
    elif isinstance(value, MethodType):
        yield from (("", each) for each in (value.__self__, value.__func__))
    elif isinstance(value, FunctionType):
        cells = value.__closure__ or ()
        yield from (("", cell.cell_contents) for cell in cells if _is_full(cell))
        yield from (("", value.__defaults__), ("", value.__kwdefaults__))
    elif isinstance(value, Iterator):  # Generators among them.
        yield from (("", each) for each in gc.get_referents(value))
    # Optimisers follow, or are refused by check_followable.
    elif not isinstance(value, torch.optim.Optimizer | type | ModuleType):
        own = isinstance(value, nn.Module) or not is_of_known_package(type(value))
        inside = getattr(value, "__dict__", {}) if own else {}
        yield from ((f".{name}", held) for name, held in inside.items())


def _is_full(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # A name that has no value yet.
        return False


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
