"""Columns: what each column of a weight reads, and which old column it therefore is."""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass

from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.flow.ports import Port
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer
from sb3_prune.transplanting.ids import Sources

Label = tuple[Hashable, int, int]
"""What a column reads: an input or a hidden layer, the entry or unit, the position."""
Place = tuple[str, str, int]
"""Path of a module, name of its tensor, and axis."""
BESIDES: Hashable = None
"""The first of the labels of columns that read something else."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """An axis of a tensor along which inputs of the policy lie."""

    slot: Slot
    """The first stretch of inputs."""
    labels: tuple[Label, ...]
    """What lies where along the whole axis."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of an axis, with ``block`` entries per unit."""

    start: int
    """Index of the first entry."""
    units: int
    """Number of its units."""
    block: int
    """Entries per unit."""
    name: Hashable
    """What they are units of."""
    first: int = 0
    """Number of the first unit."""
    shown: int | None = None
    """Number of units for which there are labels: those that there will be."""

    @property
    def stop(self) -> int:
        """Index behind the last entry."""
        return self.start + self.units * self.block

    def labels(self) -> Iterator[Label]:
        """Yield the labels of the entries."""
        count = self.units if self.shown is None else self.shown
        for unit in range(count):
            for position in range(self.block):
                yield self.name, self.first + unit, position


def find_columns(
    policy: nn.Module,
    ports: Mapping[str, tuple[Port, Hashable, int]],
    layers: Iterable[HiddenLayer],
    units: Mapping[str, int],
    further: Collection[Place] = (),
) -> dict[Place, Columns]:
    """Return every axis along which entries of inputs lie, and further ones.

    Args:
        policy: The policy.
        ports: The inputs: the port, its label, and the number of its first entry.
        layers: The hidden layers of the policy.
        units: How many units layers will have, where this is known.
        further: Axes along which units of hidden layers lie, as of flattened pictures.
    """
    paths = {module: path for path, module in policy.named_modules()}
    slots: dict[Place, Slot] = {}
    found: dict[Place, list[Stretch]] = {}

    def note(slot: Slot, stretch: Stretch) -> Place:
        place = paths[slot.owner], slot.attribute, slot.axis
        found.setdefault(place, []).append(stretch)
        return place

    for port, name, first in ports.values():
        for slot in port.slots:
            stretch = _stretch(slot, port.entries, name, first=first)
            slots.setdefault(note(slot, stretch), slot)
    for layer in layers:
        for twin in layer.with_targets():
            for slot in twin.slots():
                if slot.owner in paths:
                    shown = units.get(layer.name)
                    stretch = _stretch(slot, twin.units, layer.name, shown=shown)
                    place = note(slot, stretch)
                    if place in further:
                        slots.setdefault(place, slot)
    return {
        place: Columns(slot=slot, labels=tuple(_labels(slot, found[place])))
        for place, slot in slots.items()
    }


def places_behind(policy: nn.Module, layers: Iterable[HiddenLayer]) -> Iterator[Place]:
    """Yield every axis of vectors along which units of some layers are read.

    Args:
        policy: The policy.
        layers: Hidden layers of the policy.
    """
    paths = {module: path for path, module in policy.named_modules()}
    for layer in layers:
        for twin in layer.with_targets():
            for slot in twin.slots():
                if slot.owner in paths and reads_flat(slot):
                    yield paths[slot.owner], slot.attribute, slot.axis


def reads_flat(slot: Slot) -> bool:
    """Tell whether a weight reads vectors, pictures that are flattened included.

    Args:
        slot: Its slot.
    """
    return slot.side is Side.COLUMNS and slot.tensor.ndim == MATRIX


def _stretch(
    slot: Slot, units: int, name: Hashable, first: int = 0, shown: int | None = None
) -> Stretch:
    return Stretch(
        start=slot.start,
        units=units,
        block=slot.block,
        name=name,
        first=first,
        shown=shown,
    )


def _labels(slot: Slot, stretches: Sequence[Stretch]) -> Iterator[Label]:
    """Yield the labels along an axis; what lies between is counted through."""
    at = besides = 0
    end = Stretch(start=slot.tensor.shape[slot.axis], units=0, block=1, name=BESIDES)
    for stretch in [*sorted(stretches, key=lambda s: s.start), end]:
        for _ in range(stretch.start - at):
            yield BESIDES, besides, 0
            besides += 1
        yield from stretch.labels()
        at = max(at, stretch.stop)


def trace_columns(
    old: Columns,
    new: Columns,
    where: str,
    source_of: Callable[[Label], Label | None],
) -> Sources:
    """Return which old column each new one is.

    Args:
        old: The columns of the old agent.
        new: Those of the new one.
        where: Name of the weight, for errors.
        source_of: Returns the old label of a new one; None for what is new.

    Raises:
        TransplantError: What a new column reads is not read by an old one.
    """
    places = _places(old.labels)
    passed: Counter[Label] = Counter()
    found: list[int | None] = []
    for label in new.labels:
        source = source_of(label)
        number = passed[label]
        passed[label] += 1
        if source is not None and number >= len(places.get(source, ())):
            raise TransplantError(
                f"'{where}' of the new agent reads {_said(label)}, but that of the old "
                "agent does not read what it was: the networks differ in more than "
                "their sizes."
            )
        found.append(None if source is None else places[source][number])
    for label, times in passed.items():
        source = source_of(label)
        if source is not None and times < len(places[source]):
            raise TransplantError(
                f"'{where}' of the new agent reads {_said(label)}, {times} times, but "
                f"that of the old agent {len(places[source])} times: the networks "
                "differ in more than their sizes."
            )
    return tuple(found)


def _places(labels: Sequence[Label]) -> dict[Label, list[int]]:
    """Return where each label is; a unit and its square, say, have the same one."""
    found: dict[Label, list[int]] = {}
    for place, label in enumerate(labels):
        found.setdefault(label, []).append(place)
    return found


def _said(label: Label) -> str:
    name, number, position = label
    what = "something that is neither an input nor a unit" if name is BESIDES else name
    return f"{what}, number {number}, position {position}"
