"""Optimisers: find all of a model, and move their state to new parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import PlanError


def optimizers(model: BaseAlgorithm | nn.Module) -> dict[str, torch.optim.Optimizer]:
    """Return every optimiser among the attributes of a model and its policy's modules.

    An attribute may have any name, and may be an optimiser or a list, tuple or
    dictionary of optimisers. For example, the policy of SAC has ``actor.optimizer`` and
    ``critic.optimizer``, and that of PPO has ``optimizer``. Optimisers of the model
    itself are called ``model.<attribute>``.

    Args:
        model: A model, or a policy alone.
    """
    found = _stepping(model)
    return {n: o for n, o in found.items() if isinstance(o, torch.optim.Optimizer)}


def _stepping(model: BaseAlgorithm | nn.Module) -> dict[str, Any]:
    """Return the optimisers, and objects that only behave like an optimiser."""
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    found: dict[str, Any] = {}
    for path, module in policy.named_modules():
        found |= {f"{path}.{name}".lstrip("."): o for name, o in _held(module)}
    if isinstance(model, BaseAlgorithm):
        found |= {f"model.{name}": o for name, o in _held(model)}
    unique = {id(optimizer): name for name, optimizer in reversed(found.items())}
    return {name: o for name, o in found.items() if unique[id(o)] == name}


INTERNAL = frozenset(vars(nn.Module()))
"""Attributes that every torch module has."""


def _held(owner: object) -> Iterator[tuple[str, Any]]:
    for name, value in vars(owner).items():
        if name in INTERNAL:
            continue
        if _steps(value):
            yield name, value
        elif isinstance(value, list | tuple | dict):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                if _steps(inner):
                    yield f"{name}[{key!r}]", inner


def _steps(value: Any) -> bool:
    """Tell whether a value is an optimiser, or wraps one without being one."""
    if isinstance(value, torch.optim.Optimizer):
        return True
    if isinstance(value, nn.Module | torch.Tensor | type):
        return False
    return hasattr(value, "param_groups") and callable(getattr(value, "step", None))


def check_followable(model: BaseAlgorithm | nn.Module) -> None:
    """Check that no optimiser holds tensors where :func:`move_state` does not look.

    Raises:
        PlanError: An optimiser does, such as LBFGS, or is no torch optimiser.
    """
    for name, optimizer in _stepping(model).items():
        kind = type(optimizer).__name__
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise PlanError(
                f"The optimiser '{name}' ({kind}) is no torch.optim.Optimizer and "
                "cannot follow a change of units: derive its class from that one, or "
                "put the optimiser that it wraps in its place while units change."
            )
        kept = [key for key in vars(optimizer) if _keeps(optimizer, key)]
        if kept:
            raise PlanError(
                f"The optimiser '{name}' ({kind}) keeps parameters in "
                f"{', '.join(kept)}, which cannot follow a change of units: use an "
                "optimiser that keeps them only in param_groups, such as Adam."
            )


def _keeps(optimizer: torch.optim.Optimizer, attribute: str) -> bool:
    """Tell whether an attribute holds tensors with axes, or another optimiser."""
    value = vars(optimizer)[attribute]
    if attribute in ("state", "param_groups", "defaults"):
        return False
    return _steps(value) or any(tensor.ndim for tensor in tensors_in(value))


def tensors_in(value: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested lists, tuples, sets and dictionaries."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict) and depth:
        for inner in (*value, *value.values()):
            yield from tensors_in(inner, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth:
        for inner in value:
            yield from tensors_in(inner, depth - 1)


def state_of(
    name: str, optimizer: torch.optim.Optimizer, parameter: nn.Parameter
) -> dict[str, torch.Tensor]:
    """Return the tensors of a parameter's state that have one entry per weight.

    Args:
        name: Name of the optimiser, for the error.
        optimizer: The optimiser.
        parameter: A parameter that the optimiser updates.

    Raises:
        PlanError: The state has tensors of other shapes, which cannot follow.
    """
    state = optimizer.state.get(parameter, {})
    tensors = {k: v for k, v in state.items() if torch.is_tensor(v)}
    nested = [k for k, v in state.items() if isinstance(v, list | tuple | dict) and v]
    odd = [
        k for k, v in tensors.items() if v.numel() > 1 and v.shape != parameter.shape
    ]
    if odd or nested:
        raise PlanError(
            f"The optimiser '{name}' ({type(optimizer).__name__}) keeps "
            f"{', '.join([*odd, *nested])} in another shape than the parameter; use an "
            "optimiser with state per weight, such as Adam."
        )
    return {k: v for k, v in tensors.items() if v.shape == parameter.shape}


def move_state(
    optimizer: torch.optim.Optimizer,
    replaced: Mapping[nn.Parameter, nn.Parameter],
    states: Mapping[nn.Parameter, Mapping[str, torch.Tensor]],
) -> None:
    """Let an optimiser update the new parameters, with the state of the old ones.

    Args:
        optimizer: Any torch optimiser.
        replaced: New parameter of each old one.
        states: New state tensors of each old parameter; other entries are kept.
    """
    for group in optimizer.param_groups:
        group["params"] = [replaced.get(p, p) for p in group["params"]]
    for old, new in replaced.items():
        if old in optimizer.state:
            optimizer.state[new] = optimizer.state.pop(old) | dict(states.get(old, {}))


def stepped(*optimizers: torch.optim.Optimizer) -> set[torch.Tensor]:
    """Return the parameters that some optimisers update."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    return {parameter for group in groups for parameter in group["params"]}


def unoptimised(
    model: BaseAlgorithm | nn.Module, targets: tuple[str, ...]
) -> list[str]:
    """Return the trainable parameters of a policy that no optimiser updates.

    Args:
        model: A model, or a policy alone. For a policy that has no optimisers the
            result is empty.
        targets: Names of target networks, which no optimiser has to update.
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    held = stepped(*optimizers(model).values())
    learns = bool(held) or isinstance(model, BaseAlgorithm)
    return [
        name
        for name, parameter in policy.named_parameters()
        if learns and parameter.requires_grad and parameter not in held
        if name.partition(".")[0] not in targets
    ]
