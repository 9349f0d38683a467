"""Retired: parameters that surgery has replaced, and that nobody should train on.

An optimiser that a callback holds, or a list of parameters, would go on with the old
ones, and nothing would tell: they get no gradients any more, so no step moves them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import RetiredParameterError
from sb3_prune.surgery.flow.beside import modules_of


class RetiredParameter(nn.Parameter):
    """A parameter that was replaced. Whoever asks for its gradient gets an error."""

    @property
    def grad(self) -> Any:
        """Raise, as the steps of an optimiser and the clipping of gradients ask for it.

        Raises:
            RetiredParameterError: Always.
        """
        raise RetiredParameterError(tuple(self.shape))

    @grad.setter
    def grad(self, value: Any) -> None:
        raise RetiredParameterError(tuple(self.shape))


@contextmanager
def retiring(model: BaseAlgorithm | nn.Module) -> Iterator[None]:
    """Retire the parameters that the block replaces, unless it raises.

    Args:
        model: A model, or a policy alone.
    """
    before = list(_parameters(model))
    yield
    present = set(map(id, _parameters(model)))
    retire(p for p in before if id(p) not in present)


def retire(parameters: Iterable[nn.Parameter]) -> None:
    """Let parameters raise when they are asked for a gradient.

    Args:
        parameters: Parameters that no module of an agent holds any more. Those of a
            user's own class stay as they are.
    """
    for parameter in parameters:
        if type(parameter) is nn.Parameter:
            parameter.__class__ = RetiredParameter


def _parameters(model: BaseAlgorithm | nn.Module) -> Iterator[nn.Parameter]:
    for module in modules_of(model):
        yield from (p for p in module._parameters.values() if p is not None)
