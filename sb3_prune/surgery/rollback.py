"""Rollback: restore a model if surgery fails half-way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn
from torch.jit import ScriptModule

from sb3_prune.surgery.flow.beside import modules_of
from sb3_prune.surgery.hooks import hooks_of
from sb3_prune.surgery.optimizer import optimizers


@contextmanager
def rollback(model: BaseAlgorithm | nn.Module) -> Iterator[None]:
    """Put back every tensor, optimiser state and stored width if the block raises.

    Surgery replaces tensors and never writes into them, so it is enough to keep
    references to the old ones.

    Args:
        model: A model, or a policy alone.
    """
    undo = _record(model)
    try:
        yield
    except BaseException:
        for step in undo:
            step()
        raise


def _record(model: BaseAlgorithm | nn.Module) -> list[Callable[[], None]]:
    modules = [m for m in modules_of(model) if not isinstance(m, ScriptModule)]
    undo = [_keep_attributes(module) for module in modules]
    held = {p: None for m in modules for p in m.parameters(recurse=False)}
    undo += [_keep(hooks) for p in held for hooks in hooks_of(p)]
    undo += [_keep_optimizer(optimizer) for optimizer in optimizers(model).values()]
    if isinstance(model, BaseAlgorithm):
        undo.append(_keep(vars(model)))
        buffer = getattr(model, "rollout_buffer", None)
        if buffer is not None:
            undo.append(_keep(vars(buffer)))
    return undo


def _keep(attributes: dict[str, Any]) -> Callable[[], None]:
    """Return a function that restores the entries of a dictionary and its lists."""
    before = {k: list(v) if type(v) is list else v for k, v in attributes.items()}
    lists = {k: v for k, v in attributes.items() if type(v) is list}

    def restore() -> None:
        attributes.clear()
        attributes.update(before)
        for name, original in lists.items():
            original[:] = before[name]
            attributes[name] = original

    return restore


def _keep_attributes(module: nn.Module) -> Callable[[], None]:
    parts = [vars(module), module._parameters, module._buffers]
    distribution = getattr(module, "action_dist", None)
    if distribution is not None:
        parts.append(vars(distribution))
    steps = [_keep(part) for part in parts]

    def restore() -> None:
        for step in steps:
            step()

    return restore


def _keep_optimizer(optimizer: Any) -> Callable[[], None]:
    groups = [(group, list(group["params"])) for group in optimizer.param_groups]
    states = {parameter: dict(state) for parameter, state in optimizer.state.items()}

    def restore() -> None:
        for group, parameters in groups:
            group["params"] = parameters
        optimizer.state.clear()
        optimizer.state.update(states)

    return restore
