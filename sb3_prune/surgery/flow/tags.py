"""Tags: what a tracer knows of a call, of a tensor, and of the inputs of a weight."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from sb3_prune.surgery.flow.axes import Axis
from sb3_prune.surgery.flow.names import leaves


@dataclass(frozen=True)
class Call:
    """A call of torch that has returned."""

    name: str
    """Plain name of the call."""
    args: tuple[Any, ...]
    """Positional arguments."""
    kwargs: dict[str, Any]
    """Keyword arguments."""
    out: Any
    """What the call returned."""

    @cached_property
    def inputs(self) -> list[torch.Tensor]:
        """The tensors among the arguments."""
        return list(leaves((self.args, self.kwargs)))

    @cached_property
    def outputs(self) -> list[torch.Tensor]:
        """The tensors that the call returned."""
        return list(leaves(self.out))


@dataclass
class Tag:
    """What is known of a tensor."""

    axes: list[Axis]
    """Axes of the tensor."""
    active: bool
    """Whether the tensor depends on inputs, not on parameters alone."""
    sources: frozenset[int] = frozenset()
    """Ids of the parameters that a tensor was computed from, if it is not active."""
    view: tuple[int, tuple[int, ...]] | None = None
    """Id of the parameter that the tensor is a view of, with the order of its axes;
    None if the tensor was computed."""


@dataclass(frozen=True)
class Arrival:
    """A product of activations with a weight, which may be a reader of units."""

    weight: int
    """Id of the weight, a parameter or buffer."""
    bias: int | None
    """Id of the bias added to the product."""
    axis: int
    """Axis of the weight that is summed over."""
    input_axis: int
    """Axis of the activations, counted from the end."""
    exact: bool
    """Whether constant inputs may be folded into the bias."""
    call: int = field(default=0, compare=False)
    """Number of the call."""
