"""Buffers, and tensors as views of them.

A view is a tensor of torch's device ``meta``, which has a shape and strides but no
numbers. So torch itself says what a reshaping does, and none of them costs anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from sb3_prune_export.c.numbers import Number


@dataclass(eq=False, kw_only=True)
class Buffer:
    """A piece of memory: an input, a constant array, or scratch."""

    number: Number
    """Type of its numbers."""
    size: int
    """How many there are."""
    name: str | None = None
    """Name in C of an input or a constant; None for scratch memory."""
    read: bool = field(default=False)
    """Whether a step reads it, other than the one that writes it."""


@dataclass(frozen=True, eq=False)
class View:
    """A tensor: places in a buffer."""

    buffer: Buffer
    """Where its numbers are."""
    meta: torch.Tensor
    """Its shape, strides and offset, on the device ``meta``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, batch axis included."""
        return tuple(self.meta.shape)

    @property
    def strides(self) -> tuple[int, ...]:
        """Distances of neighbours on each axis."""
        return self.meta.stride()

    @property
    def offset(self) -> int:
        """Place of its first number in the buffer."""
        return int(self.meta.storage_offset())

    def of(self, meta: torch.Tensor) -> View:
        """Return another view of the same buffer."""
        return View(self.buffer, meta)


def contiguous(buffer: Buffer, shape: tuple[int, ...], padded: int = 0) -> View:
    """Return a whole buffer as a tensor.

    Args:
        buffer: Its size is that of the shape, with its padding.
        shape: Shape of the tensor.
        padded: Length of the last axis in memory; 0 is that of the shape.
    """
    return View(buffer, strided(shape, row_major(shape, padded), buffer.size))


def row_major(shape: tuple[int, ...], padded: int = 0) -> list[int]:
    """Return the strides of a tensor without gaps, except those of padded rows."""
    sizes = [*shape[:-1], padded or shape[-1]] if shape else []
    return [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]


def strided(shape: tuple[int, ...], strides: list[int], size: int) -> torch.Tensor:
    """Return a tensor without numbers, with these strides, in storage of this size."""
    whole = torch.empty(size, device="meta")
    return whole.as_strided(shape, strides)


def is_dense(sizes: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Tell whether these places are all places of a piece of memory, in some order."""
    expected = 1
    for stride, size in sorted(zip(strides, sizes, strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True
