"""Tags: what a tracer knows of a tensor, and of activations that met a weight."""

from __future__ import annotations

from dataclasses import dataclass

from sb3_prune.surgery.flow.axes import Axis


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
