"""Observe: record the inputs of chosen weights while a policy runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sb3_prune.surgery.flow.names import called, leaves
from sb3_prune.surgery.flow.slots import Key, Read

_PRODUCTS = """
addmm bmm conv1d conv2d conv3d dot gru gru_cell linear lstm lstm_cell matmul mm mv
rmatmul rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
"""
PRODUCTS = frozenset(_PRODUCTS.split())
"""Calls that multiply activations with a weight."""


class Observer(TorchFunctionMode):
    """Records what weights are multiplied with.

    Args:
        weights: The weights.
        attached: Keep the inputs in the graph of their gradients.

    Attributes:
        arrived: The inputs of each weight, one tensor per call.
    """

    def __init__(self, weights: Iterable[Key], *, attached: bool = False) -> None:
        super().__init__()
        self.attached = attached
        self.arrived: dict[Key, list[torch.Tensor]] = defaultdict(list)
        self._keys = {_place(getattr(*key)): key for key in weights}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a call; keep its input if it is a product with one of the weights."""
        out = func(*args, **(kwargs or {}))
        name = called(func)
        if name in PRODUCTS:
            tensors = list(leaves((args, kwargs or {})))
            operands = tensors[1:] if name == "addmm" else tensors
            for weight in tensors:
                if (key := self._key(weight)) is not None:
                    other = next(t for t in operands if self._key(t) is None)
                    self.arrived[key].append(other if self.attached else other.detach())
        return out

    def read_by(self, reads: Iterable[Read]) -> list[tuple[Read, list[torch.Tensor]]]:
        """Return the readers that got something, each with what it got in every call.

        Args:
            reads: Readers of the units of a layer, for example.
        """
        pairs = [(read, self.arrived.get(read.slot.key, [])) for read in reads]
        return [(read, given) for read, given in pairs if given]

    def _key(self, tensor: torch.Tensor) -> Key | None:
        """Return the weight that a tensor is, even if it is transposed or detached."""
        return self._keys.get(_place(tensor))


def _place(tensor: torch.Tensor) -> tuple[int, int]:
    """Return where a tensor lies in memory; under vmap, a place that fits no weight."""
    try:
        return tensor.data_ptr(), tensor.numel()
    except RuntimeError:
        return 0, -id(tensor)


@contextmanager
def installed(tensors: Mapping[Key, torch.Tensor]) -> Iterator[None]:
    """Let modules hold other tensors inside the block; shared ones stay shared."""
    before = {key: getattr(*key) for key in tensors}
    made: dict[int, torch.Tensor] = {}
    try:
        for key, tensor in tensors.items():
            made.setdefault(id(tensor), _as(tensor, before[key]))
            setattr(*key, made[id(tensor)])
        yield
    finally:
        for (owner, attribute), tensor in before.items():
            setattr(owner, attribute, tensor)


def _as(tensor: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """Return a tensor, as a parameter if the old tensor is a parameter."""
    return nn.Parameter(tensor, False) if isinstance(old, nn.Parameter) else tensor
