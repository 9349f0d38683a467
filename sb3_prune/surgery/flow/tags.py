"""Tags: what a tracer knows of a call, of a tensor, and of what met a weight."""

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
    """Its plain name."""
    args: tuple[Any, ...]
    """Its arguments."""
    kwargs: dict[str, Any]
    """Its keyword arguments."""
    out: Any
    """What it returned."""

    @cached_property
    def inputs(self) -> list[torch.Tensor]:
        """The tensors among its arguments."""
        return list(leaves((self.args, self.kwargs)))

    @cached_property
    def outputs(self) -> list[torch.Tensor]:
        """The tensors that it returned."""
        return list(leaves(self.out))


@dataclass
class Tag:
    """What is known of a tensor."""

    axes: list[Axis]
    """Its axes."""
    active: bool
    """Whether it depends on the inputs, not on parameters alone."""
    sources: frozenset[int] = frozenset()
    """Ids of the parameters that it was made of, if it is not active."""
    view: tuple[int, tuple[int, ...]] | None = None
    """The parameter that it is, and the order of its axes; None if it is computed."""


@dataclass(frozen=True)
class Arrival:
    """Activations that meet a weight: a reader of units, as it was traced."""

    weight: int
    """Id of the weight; 0 if it was computed."""
    bias: int | None
    """Id of the bias added to the product."""
    axis: int
    """Axis of the weight along which it reads."""
    input_axis: int
    """Axis of the activations, counted from the end."""
    exact: bool
    """Whether a constant that arrives may move into the bias."""
    call: int = field(default=0, compare=False)
    """Number of the call."""
