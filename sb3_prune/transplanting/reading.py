"""Reading: the weights that read observations and actions, and what they become."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.flow.ports import ACTIONS, OBSERVATIONS, Port, find_ports
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import Wiring, wire
from sb3_prune.transplanting.columns import (
    BESIDES,
    Columns,
    Label,
    Place,
    find_columns,
    places_behind,
    reads_flat,
    trace_columns,
)
from sb3_prune.transplanting.entries import Part
from sb3_prune.transplanting.grids import Grid, find_grids, positions
from sb3_prune.transplanting.ids import Sources, is_same
from sb3_prune.transplanting.observing import UNMOVED, ObservationMap

ON_POLICY = ActorCriticPolicy | MaskableActorCriticPolicy
"""Policies that get actions only to tell how probable they are."""
Ports = Mapping[str, Port]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """An axis of a tensor of the old agent along which inputs lie."""

    name: str
    """Path of the tensor, with what it reads."""
    slot: Slot
    """The whole axis."""
    before: int
    """Its length, once hidden layers have their new widths."""
    sources: Sources
    """Which of these columns each new one is."""


def find_readers(
    old: nn.Module, new: nn.Module, seen: ObservationMap, actions: Sources, count: int
) -> Iterator[Reader]:
    """Yield every axis along which inputs lie, if observations or actions change.

    Args:
        old: The policy of the old agent.
        new: That of the new one, with the widths that the old one's layers will have.
        seen: Which old observation each new one is.
        actions: Which old action each new one is.
        count: Number of old actions.

    Raises:
        TransplantError: The policies' code treats changed entries in a way that no rule
            knows, or reads something else than before.
    """
    acts = isinstance(old.action_space, spaces.Box) and not is_same(actions, count)
    if seen.is_same and not acts:
        return
    ours, theirs = find_ports(old), find_ports(new)
    for ports, parts in ((ours, seen.old), (theirs, seen.new)):
        for part in parts:
            if _changes(part, seen):
                _check_port(ports, part.port, f"The {part.port}")
    if acts and not (isinstance(old, ON_POLICY) and not _reads(ours.get(ACTIONS))):
        _check_port(ours, ACTIONS, "The actions")
    yield from _pairs(old, new, seen, actions, (ours, theirs))


def _changes(part: Part, seen: ObservationMap) -> bool:
    """Tell whether the entries of an old or of a new part do not all stay."""
    other = {p.key: p for p in seen.old}.get(part.key)
    twin = {p.key: p for p in seen.new}.get(part.key)
    if other is None or twin is None or other.size != twin.size:
        return True
    stay = tuple(range(other.start, other.stop))
    moved = seen.shifts.get(part.key, UNMOVED) != UNMOVED
    return seen.within(twin) != stay or moved


def _check_port(ports: Ports, name: str, what: str) -> None:
    port = ports.get(name)
    if port is None or port.opaque is not None or not port.slots:
        why = port.opaque if port else None
        why = why or "no features extractor reads them in a known way"
        raise TransplantError(f"{what} cannot be mapped: {why}.")


def _reads(port: Port | None) -> bool:
    """Tell whether networks read the entries; others are compared with outputs."""
    return any(s.side is Side.COLUMNS for s in (port.slots if port else ()))


def _pairs(
    old: nn.Module,
    new: nn.Module,
    seen: ObservationMap,
    actions: Sources,
    ports: tuple[Ports, Ports],
) -> Iterator[Reader]:
    """Yield the readers whose columns do not all stay."""
    ours, theirs = wire(old), wire(new)
    units = theirs.units()
    source = _Source(old, new, seen, actions, (ours, theirs))
    further = {
        place
        for policy, layers in ((old, ours), (new, theirs))
        for place in places_behind(policy, _moving(policy, layers, source))
    }
    was = _columns(old, ports[0], seen.old, ours, units, further)
    now = _columns(new, ports[1], seen.new, theirs, {}, further)
    for place, columns in was.items():
        if place not in now:
            continue
        path, attribute, axis = place
        where = f"{path}.{attribute}"
        source_of = source if reads_flat(columns.slot) else source.unplaced
        sources = trace_columns(columns, now[place], where, source_of)
        if not is_same(sources, len(columns.labels)):
            slot = replace(columns.slot, start=0, block=1)
            yield Reader(
                name=f"inputs of {where}" + (f" on axis {axis}" if axis != 1 else ""),
                slot=slot,
                before=len(columns.labels),
                sources=sources,
            )


def _moving(
    policy: nn.Module, layers: Wiring, source: _Source
) -> Iterator[HiddenLayer]:
    """Yield the layers that only one agent has, and those whose pictures move.

    Raises:
        TransplantError: Other layers are added to one that only one agent has.
    """
    paths = {module: path for path, module in policy.named_modules()}
    for name, layer in layers.items():
        makers = [s.owner for s in layer.group.slots if s.side is Side.ROWS]
        alone = {paths[m]: source.seen.is_alone(paths[m]) for m in makers if m in paths}
        if any(alone.values()) and not all(alone.values()):
            raise TransplantError(
                f"{', '.join(sorted(alone))} are added to each other, but not all of "
                "their keys are observed by both agents: the sum would be another one."
            )
        if any(alone.values()) or source.places(name):
            yield layer


def _columns(
    policy: nn.Module,
    ports: Ports,
    parts: tuple[Part, ...],
    layers: Wiring,
    units: Mapping[str, int],
    further: Collection[Place],
) -> dict[Any, Columns]:
    named: dict[str, tuple[Hashable, int]] = {ACTIONS: (ACTIONS, 0)}
    named |= {part.port: (OBSERVATIONS, part.start) for part in parts}
    known = {
        name: (port, *named[name])
        for name, port in ports.items()
        if port.opaque is None and name in named
    }
    return find_columns(policy, known, layers.values(), units, further)


class _Source:
    """What a column of the old agent has read, by what one of the new agent reads."""

    def __init__(
        self,
        old: nn.Module,
        new: nn.Module,
        seen: ObservationMap,
        actions: Sources,
        layers: tuple[Wiring, Wiring],
    ) -> None:
        self.seen, self.layers = seen, layers
        self.policies = old, new
        self.entries = {OBSERVATIONS: seen.sources, ACTIONS: actions}
        self.known: dict[str, tuple[int | None, ...]] = {}
        self.grids: list[dict[str, Grid]] = []

    def __call__(self, label: Label) -> Label | None:
        """Return the old label of a new one; None for what is new."""
        found = self.unplaced(label)
        if found is None or found[0] not in self.layers[0]:
            return found
        name, number, position = found
        places = self.places(str(name))
        where = places[position] if places else position
        return None if where is None else (name, number, where)

    def unplaced(self, label: Label) -> Label | None:
        """Return the old label of a new one, where no picture is flattened."""
        name, number, position = label
        if name in self.entries:
            source = self.entries[str(name)][number]
            return None if source is None else (name, source, position)
        return None if name is not BESIDES and name not in self.layers[0] else label

    def places(self, name: str) -> tuple[int | None, ...]:
        """Return which old place each new one behind a layer is; nothing if all are."""
        if name not in self.known:
            self.known[name] = self._found(name)
        return self.known[name]

    def _found(self, name: str) -> tuple[int | None, ...]:
        part = next((p for p in self.seen.new if _feeds(p, name)), None)
        old = {p.key: p for p in self.seen.old}.get(part.key) if part else None
        if part is None or old is None:
            return ()
        shift = self.seen.shifts.get(part.key, UNMOVED)
        if old.size == part.size and shift == UNMOVED:
            return ()
        if not self.grids:
            self.grids = [find_grids(policy) for policy in self.policies]
        before, after = (grids.get(name) for grids in self.grids)
        if before is not None and after is not None:
            return positions(before, after, shift)
        if any(_reads_places(layers[name]) for layers in self.layers if name in layers):
            raise TransplantError(
                f"Images that '{name}' gets cannot move or have other sizes: it needs "
                "a torch.nn.Flatten behind it in the same torch.nn.Sequential."
            )
        return ()


def _feeds(part: Part, name: str) -> bool:
    """Tell whether a layer gets an image."""
    return part.kind == "image" and (not part.key or part.owns(name))


def _reads_places(layer: HiddenLayer) -> bool:
    """Tell whether a weight reads the units at several places."""
    return any(reads_flat(slot) and slot.block > 1 for slot in layer.slots())
