"""Faces: the weights on one side of a hidden layer as a matrix, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from sb3_prune.gates import Gate
from sb3_prune.penalties.base import PerUnit
from sb3_prune.surgery.flow.slots import Slot
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer, multiplied


@dataclass(frozen=True)
class Stretch:
    """A stretch of a weight that holds the units of a layer."""

    slot: Slot
    """Where the units lie."""
    units: int
    """Number of units K."""
    parameter: torch.Tensor
    """The weight itself, to tell when another one takes its place."""
    gates: Sequence[tuple[Slot, Gate]]
    """Gates of the units along the weight's other axes."""

    @cached_property
    def is_whole(self) -> bool:
        """Whether the stretch is a whole matrix: the usual case, which is quick."""
        shape = self.parameter.shape
        length = self.units * self.slot.block
        return len(shape) == MATRIX and length == self.units == shape[self.slot.axis]

    def rows(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the stretch of a tensor in the weight's shape, (K, entries)."""
        if self.is_whole:
            return tensor.t() if self.slot.axis else tensor
        return self.slot.units(tensor, self.units).reshape(self.units, -1)

    def read(self) -> torch.Tensor:
        """Return the weights as they are, (K, entries)."""
        return self.rows(self.parameter.detach())

    def add(
        self, gradient: torch.Tensor | PerUnit, to: torch.Tensor, strength: float
    ) -> None:
        """Add a gradient times a strength to the stretch of a tensor, in place."""
        if isinstance(gradient, PerUnit) and self.is_whole:
            # Tensors in the order of memory, which is twice as fast for columns.
            factors = gradient.factors.t() if self.slot.axis else gradient.factors
            times = strength * gradient.times
            to.addcmul_(self.parameter.detach(), factors, value=times)
            return
        if isinstance(gradient, PerUnit):
            gradient = self.read() * (gradient.factors * gradient.times)
        into = self.rows(to) if self.is_whole else self.slot.units(to, self.units)
        into.add_(gradient.reshape(into.shape), alpha=strength)

    def passing(self) -> torch.Tensor | None:
        """Return what gates multiply each entry by, (K, entries); None for 1."""
        found = None
        for slot, gate in self.gates:
            if gate.expected is not None:
                ones = torch.ones_like(self.parameter) if found is None else found
                found = multiplied(ones, slot, gate.expected)
        return None if found is None else self.rows(found)


@dataclass(frozen=True)
class Face:
    """The weights on one side of a layer of K units, (K, entries)."""

    stretches: Sequence[Stretch]
    """The stretches, whose entries stand beside each other."""
    nothing: torch.Tensor
    """No entries, (K, 0)."""

    def read(self) -> torch.Tensor:
        """Return the weights as they are."""
        if len(self.stretches) == 1:
            return self.stretches[0].read()
        parts = [each.read() for each in self.stretches]
        return torch.cat([self.nothing, *parts], dim=1)

    def passing(self) -> torch.Tensor | None:
        """Return what gates of other layers multiply each entry by; None for 1."""
        found = [each.passing() for each in self.stretches]
        if all(part is None for part in found):
            return None
        parts = [
            torch.ones_like(each.read()) if part is None else part
            for each, part in zip(self.stretches, found, strict=True)
        ]
        return torch.cat(parts, dim=1)

    def parted(
        self, rows: torch.Tensor | PerUnit
    ) -> list[tuple[Stretch, torch.Tensor | PerUnit]]:
        """Return each stretch with its part of a gradient at the whole matrix."""
        if len(self.stretches) == 1 or isinstance(rows, PerUnit):
            return [(stretch, rows) for stretch in self.stretches]
        widths = [each.read().shape[1] for each in self.stretches]
        parts = torch.split(rows, widths, dim=1) if widths else ()
        return list(zip(self.stretches, parts, strict=True))


def face_of(layer: HiddenLayer, slots: Sequence[Slot]) -> Face:
    """Return the face of a layer that some of its slots make."""
    return Face(
        [
            Stretch(
                slot=slot,
                units=layer.units,
                parameter=slot.tensor,
                gates=[
                    (other, gate)
                    for other, gate in layer.gated.get(slot.key, ())
                    if other.axis != slot.axis
                ],
            )
            for slot in slots
        ],
        layer.like.detach().new_zeros(layer.units, 0),
    )
