"""Slots: the stretches of tensors that hold the units of a hidden layer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch
from torch import nn

MASK = "weight_kept"
"""Name of the buffer that tells which single weights stay; others are zero for good.

``torch.nn.utils.prune`` has buffers called ``weight_mask``.
"""
Key = tuple[nn.Module, str]
"""A tensor by its owner and attribute name."""
Place = tuple[Key, int]
"""A tensor, and where in it the units begin."""


class Side(Enum):
    """What a tensor does with the hidden units along one of its axes."""

    ROWS = "rows"
    """The tensor computes units: rows of their weight, their bias."""
    COLUMNS = "columns"
    """The tensor reads units: columns of the next weight."""
    UNIT = "unit"
    """The tensor belongs to units: a gate, a scale, running statistics."""
    NOISE = "noise"
    """The tensor is gSDE's ``log_std``, which scales the noise that reads units."""


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
    """Consecutive entries per unit: the positions of a flattened image, for example."""
    neutral: float = 1.0
    """Entry of a new unit in a tensor of ``Side.UNIT``: 1, or 0 if that is added."""

    @property
    def key(self) -> Key:
        """The tensor, by its owner and attribute name."""
        return self.owner, self.attribute

    @property
    def place(self) -> Place:
        """The tensor, and where in it the units begin."""
        return self.key, self.start

    @property
    def tensor(self) -> torch.Tensor:
        """The tensor as it is now."""
        # Modules take long to find their attributes.
        tensor: torch.Tensor | None = self.owner._parameters.get(self.attribute)
        return getattr(self.owner, self.attribute) if tensor is None else tensor

    def units(self, tensor: torch.Tensor, count: int) -> torch.Tensor:
        """Return a view of the slot with the units first, (count, block, ...)."""
        stretch = tensor.narrow(self.axis, self.start, count * self.block)
        parted = split_axis(stretch, self.axis, self.block)
        return parted.movedim((self.axis, self.axis + 1), (0, 1))


@dataclass(frozen=True)
class Read:
    """A weight that reads the units, and where the units lie in its inputs."""

    slot: Slot
    """The slot in the weight."""
    input_axis: int
    """Axis of the inputs along which the units lie, counted from the end."""
    bias: Key | None = None
    """The bias that is added to the product, by owner and name."""
    exact: bool = True
    """Whether constant units may be folded into the bias; not with zero padding."""
    shared: bool = False
    """Whether the bias is used elsewhere, too."""

    @property
    def unshiftable(self) -> str | None:
        """Why the bias cannot take over what constant units say; None if it can."""
        if not self.exact:
            return "a convolution with padding reads them"
        if self.bias is None:
            return "a reader has no bias"
        return "a reader's bias is used elsewhere, too" if self.shared else None

    def arrived(self, inputs: torch.Tensor, count: int) -> torch.Tensor:
        """Return the units' part of the inputs, (other axes, count, block)."""
        slot = self.slot
        stretch = inputs.narrow(self.input_axis, slot.start, count * slot.block)
        moved = stretch.movedim(self.input_axis, -1)
        return split_axis(moved, moved.ndim - 1, slot.block)
