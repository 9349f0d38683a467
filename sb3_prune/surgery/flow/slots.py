"""Slots: the stretches of tensors that hold the units of a hidden layer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch
from torch import nn


class Side(Enum):
    """How a tensor holds hidden units along one of its axes."""

    ROWS = "rows"
    """What computes the unit: rows of its weight, its bias."""
    COLUMNS = "columns"
    """What reads the unit: columns of the next weight."""
    UNIT = "unit"
    """What belongs to the unit: gate, scale or running statistics."""
    NOISE = "noise"
    """Logarithms of the exploration noise by which gSDE reads the unit."""


def split_axis(tensor: torch.Tensor, axis: int, block: int) -> torch.Tensor:
    """Return a view with an axis (units * block) split in two, units first."""
    shape = tensor.shape
    return tensor.view(*shape[:axis], shape[axis] // block, block, *shape[axis + 1 :])


@dataclass(frozen=True)
class Slot:
    """A stretch of a tensor, ``block`` entries per hidden unit."""

    owner: nn.Module
    """Module that holds the tensor."""
    attribute: str
    """Name of the parameter or buffer."""
    axis: int
    """Axis along which the units lie."""
    side: Side
    """What the tensor does with the units."""
    start: int = 0
    """Index of the first unit's first entry along the axis."""
    block: int = 1
    """Consecutive entries of each unit: positions of an image that was flattened."""
    neutral: float = 1.0
    """What a new unit holds in a tensor that belongs to units: 0 where it is added."""

    @property
    def tensor(self) -> torch.Tensor:
        """The tensor as it is now."""
        tensor: torch.Tensor = getattr(self.owner, self.attribute)
        return tensor

    def units(self, tensor: torch.Tensor, count: int) -> torch.Tensor:
        """Return a view of the stretch with the units first, (count, block, ...)."""
        stretch = tensor.narrow(self.axis, self.start, count * self.block)
        parted = split_axis(stretch, self.axis, self.block)
        return parted.movedim((self.axis, self.axis + 1), (0, 1))


@dataclass(frozen=True)
class Read:
    """A weight that reads the units, and where they are in what it gets."""

    slot: Slot
    """The stretch of the weight."""
    input_axis: int
    """Axis of the units in what arrives, counted from the end."""
    bias: tuple[nn.Module, str] | None = None
    """What is added to the product, by owner and name."""
    exact: bool = True
    """Whether a constant unit may move into the bias: not where padding is zero."""
    shared: bool = False
    """Whether the bias is used elsewhere, too."""

    def arrived(self, inputs: torch.Tensor, count: int) -> torch.Tensor:
        """Return the units in what arrived, (everything else, count, block)."""
        slot = self.slot
        stretch = inputs.narrow(self.input_axis, slot.start, count * slot.block)
        moved = stretch.movedim(self.input_axis, -1)
        return split_axis(moved, moved.ndim - 1, slot.block)
