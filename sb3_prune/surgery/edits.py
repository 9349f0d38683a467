"""Edits: changes of single slots of tensors."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from sb3_prune.surgery.change import Change
from sb3_prune.surgery.flow.slots import MASK, Side, Slot, split_axis
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer


@dataclass(frozen=True)
class Edit:
    """A change of one slot of one tensor."""

    slot: Slot
    """The slot."""
    change: Change
    """What happens to the units in the slot."""
    place: int = 0
    """Number of the tensor, among the weights that feed the units."""

    def __call__(self, tensor: torch.Tensor, *, moment: bool = False) -> torch.Tensor:
        """Return the tensor with the slot changed.

        Args:
            tensor: The tensor of the slot, or a moment of the same shape.
            moment: Whether the tensor is a running moment of an optimiser.
        """
        slot, change = self.slot, self.change
        moment = (
            moment or slot.attribute == MASK
        )  # A mask follows its weight's moments.
        size, stop = tensor.shape[slot.axis], slot.start + change.before * slot.block
        middle = tensor.narrow(slot.axis, slot.start, stop - slot.start)
        if slot.block > 1:
            middle = split_axis(middle, slot.axis, slot.block)
        new = change.transform(middle, slot.axis, slot.side, moment=moment)
        if slot.attribute == MASK:
            new = self._opened(new)
        elif not moment:
            new = self._fill(new)
        if slot.block > 1:
            new = new.flatten(slot.axis, slot.axis + 1)
        if stop - slot.start == size:
            return new
        head = tensor.narrow(slot.axis, 0, slot.start)
        tail = tensor.narrow(slot.axis, stop, size - stop)
        return torch.cat([head, new, tail], dim=slot.axis)

    def _opened(self, new: torch.Tensor) -> torch.Tensor:
        """Return a mask: open for new units, and where some merged unit was open."""
        reads = self.slot.side is Side.COLUMNS
        matrix = self.change.columns.T if reads else self.change.rows
        fresh = (matrix.abs().sum(1) == 0).to(new.device)
        along = [-1 if i == self.slot.axis else 1 for i in range(new.ndim)]
        return ((new != 0) | fresh.reshape(along)).to(new)

    def _fill(self, new: torch.Tensor) -> torch.Tensor:
        """Fill the entries of new units: with drawn weights, or neutral scales."""
        side, change, axis = self.slot.side, self.change, self.slot.axis
        if side is Side.ROWS and new.ndim >= MATRIX and change.seeds:
            shape = new.movedim(axis, 0).shape
            drawn = change.drawn(math.prod(shape[1:]), self.place).to(new)
            return new + drawn.reshape(shape).movedim(0, axis)
        fresh = (change.rows.abs().sum(1) == 0).to(new.device)
        if side is Side.UNIT and bool(fresh.any()):
            neutral = self.slot.neutral
            along = [-1 if i == axis else 1 for i in range(new.ndim)]
            return torch.where(fresh.reshape(along), torch.full_like(new, neutral), new)
        return new


def edits_of(
    layers: Iterable[HiddenLayer], plan: Mapping[str, Change]
) -> list[tuple[torch.Tensor, list[Edit]]]:
    """Return every tensor that holds units of the layers, with its edits in order.

    Along an axis, the last slot is edited first, so that the starts of the others stay
    valid. Edits of rows come last, because drawn rows need the final number of inputs.

    Args:
        layers: The layers, without those of target networks.
        plan: Changes by layer name.
    """
    found: dict[int, tuple[torch.Tensor, list[Edit]]] = {}
    for layer in layers:
        for twin in layer.with_targets():
            for slot, place in _placed(twin.slots()):
                _, edits = found.setdefault(id(slot.tensor), (slot.tensor, []))
                edits.append(Edit(slot, plan[layer.name], place))
    for _, edits in found.values():
        edits.sort(key=lambda e: (e.slot.side is Side.ROWS, e.slot.axis, -e.slot.start))
    return list(found.values())


def _placed(slots: Sequence[Slot]) -> list[tuple[Slot, int]]:
    """Return the slots, with a number for each that is the rows of a weight."""
    numbers: dict[Side, int] = defaultdict(int)
    placed = []
    for slot in slots:
        is_weight = slot.side is Side.ROWS and slot.tensor.ndim >= MATRIX
        placed.append((slot, numbers[slot.side] if is_weight else 0))
        numbers[slot.side] += is_weight
    return placed


def run(
    edits: Iterable[Edit], tensor: torch.Tensor, *, moment: bool = False
) -> torch.Tensor:
    """Return a tensor after all edits."""
    for edit in edits:
        tensor = edit(tensor, moment=moment)
    return tensor
