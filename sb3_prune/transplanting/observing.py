"""Observing: which new observation is which old one, in spaces of any kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.transplanting.entries import Part
from sb3_prune.transplanting.ids import Sources, check_branches, is_same

Shift = tuple[int, int]
"""By how many rows and columns the old image lies further down and right."""
UNMOVED = (0, 0)


@dataclass(frozen=True, kw_only=True)
class ObservationMap:
    """Which new observation is which old one."""

    old: tuple[Part, ...]
    """What the old agent observes."""
    new: tuple[Part, ...]
    """What the new one observes."""
    sources: Sources
    """For each new entry, counted over all parts, the old one, or None."""
    shifts: Mapping[str, Shift] = field(default_factory=dict)
    """Where the old image lies in the new one, by its key."""

    @property
    def is_same(self) -> bool:
        """Whether the agents observe the same, in the same places."""
        shapes = [
            [(p.key, p.kind, p.space.shape, p.branches) for p in parts]
            for parts in self.both
        ]
        moved = any(shift != UNMOVED for shift in self.shifts.values())
        same = is_same(self.sources, self.old[-1].stop)
        return shapes[0] == shapes[1] and same and not moved

    @property
    def both(self) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        """The old and the new parts."""
        return self.old, self.new

    def is_alone(self, path: str) -> bool:
        """Tell whether a module serves a key that only one of the agents observes.

        Args:
            path: Its path in the policy.
        """
        keys = [{part.key for part in parts} for parts in self.both]
        alone = keys[0] ^ keys[1]
        parts = (*self.old, *self.new)
        return any(part.owns(path) for part in parts if part.key in alone)

    @property
    def asks_for_more(self) -> bool:
        """Whether the new agent observes something that the old one did not."""
        return any(self.is_wider(part) for part in self.new)

    def inverse(self) -> ObservationMap:
        """Return which old observation is which new one; None for what is gone."""
        count = self.old[-1].stop
        place = {s: new for new, s in enumerate(self.sources) if s is not None}
        shifts = {
            old.key: (-by[0], -by[1])
            for part in self.new
            for _, old, _ in self.carried(part)
            if (by := self.shifts.get(part.key)) is not None
        }
        return ObservationMap(
            old=self.new,
            new=self.old,
            sources=tuple(place.get(entry) for entry in range(count)),
            shifts=shifts,
        )

    def is_wider(self, part: Part) -> bool:
        """Tell whether a part has a new entry, or its image goes on beyond the old one.

        Args:
            part: A part of the new observations.
        """
        return None in self.within(part) or self.goes_on(part)

    def goes_on(self, part: Part) -> bool:
        """Tell whether an image goes on beyond the old one.

        Args:
            part: A part of the new observations.
        """
        shift = self.shifts.get(part.key, UNMOVED)
        return any(
            by > 0 or length > before + by
            for _, old, _ in self.carried(part)
            for length, before, by in zip(part.size, old.size, shift, strict=True)
        )

    @property
    def counts_twice(self) -> bool:
        """Whether several new numbers are the same old one."""
        return self._repeats(choices=False)

    @property
    def repeats_choices(self) -> bool:
        """Whether several new choices, of which one is taken, are the same old one."""
        return self._repeats(choices=True)

    def _repeats(self, *, choices: bool) -> bool:
        known = [
            source
            for part in self.new
            for source in self.within(part)
            if source is not None and (part.kind == "choices") == choices
        ]
        return len(set(known)) < len(known)

    @property
    def loses_choices(self) -> bool:
        """Whether a choice that the old agent could observe does not exist any more.

        So it is, too, if the branch where it is lacks others of its old branch.
        """
        return any(not self._keeps(branch) for branch in self._branches(self.old))

    def _keeps(self, branch: range) -> bool:
        """Tell whether an old branch is whole in some new one, and nowhere in parts."""
        every = [self.sources[b.start : b.stop] for b in self._branches(self.new)]
        found = [set(own) & set(branch) for own in every]
        return all(each == set(branch) for each in found if each) and any(found)

    def _branches(self, parts: tuple[Part, ...]) -> Iterator[range]:
        """Yield the entries of each branch of choices."""
        for part in parts:
            start = part.start
            for size in part.branches:
                yield range(start, start + size)
                start += size

    def within(self, part: Part) -> Sources:
        """Return the old entries that those of a new part are.

        Args:
            part: The new part.
        """
        return self.sources[part.start : part.stop]

    def carried(self, part: Part) -> Iterator[tuple[int, Part, int]]:
        """Yield the entries of a new part that the old agent observes, too.

        Args:
            part: The new part.

        Yields:
            The entry's index in the new part, the old part, and its index in that.
        """
        for place, source in enumerate(self.within(part)):
            if source is not None:
                old = next(each for each in self.old if source < each.stop)
                yield place, old, source - old.start

    def mapped(self, values: Any, onto: Any) -> Any:
        """Return values of old observations in their new places.

        Args:
            values: Arrays (..., shape of the space), by key if there are keys. Keys may
                be missing.
            onto: The same for the new observations; entries that are new stay as they
                are here.
        """
        given, found = by_key(values), dict(by_key(onto))
        for part in self.new:
            if part.key in found:
                found[part.key] = self._mapped(part, given, found[part.key])
        return found if isinstance(onto, dict) else found[""]

    def _mapped(self, part: Part, given: Mapping[str, Any], onto: Any) -> Any:
        if part.kind == "choices":
            return self._chosen(part, given, onto)
        assert part.space.shape is not None
        found = np.array(onto)
        flat = _by_entry(part, found)
        shift = self.shifts.get(part.key, UNMOVED)
        for place, old, entry in self.carried(part):
            if old.key in given:
                values = values_of(old, given[old.key], entry)
                _copy(values, flat[..., place, :, :], shift)
        return found

    def _chosen(self, part: Part, given: Mapping[str, Any], onto: Any) -> Any:
        """Return choices, each renamed; what was chosen and is gone stays as it is."""
        found = np.array(onto)
        columns, choices = _by_branch(part, found), _choices(part)
        for place, old, entry in self.carried(part):
            if old.key in given:
                branch, choice = choices[place]
                theirs, chosen = _choices(old)[entry]
                was = _by_branch(old, np.asarray(given[old.key]))[..., theirs] == chosen
                columns[..., branch][was] = choice
        return found


def _choices(part: Part) -> list[tuple[int, int]]:
    """Return the branch and the choice of every entry."""
    sizes = enumerate(part.branches)
    return [(branch, choice) for branch, size in sizes for choice in range(size)]


def _by_branch(part: Part, values: Any) -> Any:
    """Return a view (..., branches); buffers have an axis for a single choice, too."""
    count = len(part.branches)
    shape = values.shape
    lead = shape[:-1] if shape[-1:] == (count,) else shape
    return values.reshape(*lead, count)


def _by_entry(part: Part, values: Any) -> Any:
    """Return a view (..., entries, height, width)."""
    assert part.space.shape is not None
    lead = values.shape[: values.ndim - len(part.space.shape)]
    return values.reshape(*lead, part.count, *part.size)


def values_of(part: Part, values: Any, entry: int) -> Any:
    """Return the values of one entry of numbers or of one channel.

    Args:
        part: A part that is no choices.
        values: Arrays (..., shape of its space).
        entry: Index of the entry in the part.
    """
    return _by_entry(part, np.asarray(values))[..., entry, :, :]


def _copy(old: Any, new: Any, shift: Shift) -> None:
    """Write an old image, (..., height, width), into a new one."""
    ours, theirs = [], []
    for length, room, by in zip(old.shape[-2:], new.shape[-2:], shift, strict=True):
        first, last = max(0, by), min(room, length + by)
        theirs.append(slice(first, last))
        ours.append(slice(first - by, last - by))
    new[..., theirs[0], theirs[1]] = old[..., ours[0], ours[1]]


def require_kinds(found: ObservationMap) -> None:
    """Check that entries stay what they are: numbers, channels or choices.

    Args:
        found: The map.

    Raises:
        TransplantError: One would become something else, or choices of which one is
            taken come from several branches.
    """
    for part in found.new:
        for _, old, entry in found.carried(part):
            if old.kind != part.kind:
                raise TransplantError(
                    f"Entry {entry} of {old} cannot become one of {part}."
                )
    ours, theirs = ([n for p in parts for n in p.lots] for parts in found.both)
    check_branches("observations", found.sources, ours, theirs)
