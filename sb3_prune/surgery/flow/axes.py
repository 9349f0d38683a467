"""Axes: which hidden units the entries along an axis of a tensor belong to.

An axis is a list of segments ``(units, block)``: ``block`` consecutive entries for each
of ``units.size`` units. Units are union-find variables. Where an operation shows that
two are equal, they become one variable. A variable that turns out to consist of smaller
parts is bound to these.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise


class Units:
    """A variable for ``size`` units, which are free or fixed.

    Attributes:
        size: Number of units.
        fixed: Why their number cannot change; None if it can.
        mixes: Operations that mix the units with each other.
        soft: Operations that index the units literally; a trial has to confirm them.
        held: Whether a parameter holds the units.
        unfoldable: Why constant units cannot be folded into a bias.
    """

    __slots__ = (
        "_parts",
        "_up",
        "fixed",
        "held",
        "mixes",
        "size",
        "soft",
        "unfoldable",
    )

    def __init__(self, size: int, fixed: str | None = None, held: bool = False) -> None:
        self.size, self.fixed, self.held = size, fixed, held
        self.mixes: set[str] = set()
        self.soft: set[str] = set()
        self.unfoldable: set[str] = set()
        self._up: Units | None = None
        self._parts: Axis | None = None

    def root(self) -> Units:
        """Return the variable that represents all variables equal to this one."""
        units = self
        while units._up is not None:
            units = units._up
        return units

    @property
    def parts(self) -> Axis | None:
        """The smaller segments that a root consists of; None if there are none."""
        return self._parts

    def mark(
        self,
        fixed: str | None = None,
        mixes: Iterable[str] = (),
        soft: Iterable[str] = (),
        unfoldable: Iterable[str] = (),
    ) -> None:
        """Note properties of the units, at their root or at its parts."""
        units = self.root()
        for part, _ in units._parts or ():
            part.mark(fixed, mixes, soft, unfoldable)
        if units._parts is None:
            units.fixed = units.fixed or fixed
            units.mixes |= set(mixes)
            units.soft |= set(soft)
            units.unfoldable |= set(unfoldable)

    def become(self, other: Units) -> None:
        """Make this root equal to another one."""
        self._up = other
        other.held |= self.held
        other.mark(self.fixed, self.mixes, self.soft, self.unfoldable)

    def bind(self, parts: Axis) -> None:
        """Record the smaller segments that this root consists of."""
        self._parts = parts
        for part, _ in parts:
            part.root().held |= self.held
            part.mark(self.fixed, self.mixes, self.soft, self.unfoldable)

    def split(self, count: int) -> None:
        """Split this root into its first ``count`` units and the others."""
        self.bind([(Units(n), 1) for n in (count, self.size - count)])


Segment = tuple[Units, int]
"""Units, and how many consecutive entries each of them has."""
Axis = list[Segment]
"""The segments along an axis, in order."""


def free(size: int, held: bool = False) -> Axis:
    """Return an axis of fresh units, which a parameter may hold."""
    return [(Units(size, held=held), 1)]


def opaque(size: int, why: str) -> Axis:
    """Return an axis whose size cannot change."""
    return [(Units(size, why), 1)]


def resolve(axis: Axis) -> Axis:
    """Return the axis in its smallest known segments, each with its root."""
    found: Axis = []
    for units, block in axis:
        root = units.root()
        if root.parts is None:
            found.append((root, block))
        else:
            found += [(part, inner * block) for part, inner in resolve(root.parts)]
    return found


def length(axis: Axis) -> int:
    """Return the number of entries along an axis."""
    return sum(units.size * block for units, block in axis)


def roots(axis: Axis) -> list[Units]:
    """Return the root variables of an axis."""
    return [units for units, _ in resolve(axis)]


def fix(axis: Axis, why: str) -> None:
    """Fix the number of all units of an axis."""
    for units in roots(axis):
        units.mark(fixed=why)


def is_free(axis: Axis) -> bool:
    """Tell whether some units of the axis are not fixed."""
    return any(units.fixed is None for units in roots(axis))


def is_held(axis: Axis) -> bool:
    """Tell whether the axis has units that are not fixed and that a parameter holds."""
    return any(units.held and units.fixed is None for units in roots(axis))


def fix_held(axis: Axis, why: str) -> None:
    """Fix an axis of size one if it is a layer of one unit, not a broadcast axis."""
    if is_held(axis):
        fix(axis, why)


def unify(a: Axis, b: Axis, why: str) -> None:
    """Make two axes equal, entry by entry; fix both where that is impossible.

    Args:
        a: An axis.
        b: An axis of the same length.
        why: The operation that shows that they are equal.
    """
    if a is b:
        return
    if length(a) != length(b):
        _give_up(a, b, f"{why}: lengths differ")
        return
    while (pair := _first_difference(resolve(a), resolve(b))) is not None:
        if not _reconcile(*pair):
            _give_up(a, b, f"{why}: blocks do not fit")
            return


def _give_up(a: Axis, b: Axis, why: str) -> None:
    fix(a, why)
    fix(b, why)


def _first_difference(a: Axis, b: Axis) -> tuple[Segment, Segment] | None:
    return next(((x, y) for x, y in zip(a, b, strict=False) if x != y), None)


def _reconcile(x: Segment, y: Segment) -> bool:
    """Make the starts of two segments one step more alike; False if impossible."""
    (u, p), (v, q) = (y, x) if x[1] > y[1] else (x, y)
    n, m = u.size * p, v.size * q
    small = min(n, m)
    if q % p or small % q or u is v:
        return False
    if small < n:
        u.split(small // p)
    elif small < m:
        v.split(small // q)
    elif p == q:
        u.become(v)
    else:
        u.bind([(v, q // p)])
    return True


def part(axis: Axis, start: int, stop: int, why: str) -> Axis:
    """Return a part of an axis between literal indices, which make the units soft.

    Args:
        axis: The whole axis.
        start: Index of the first entry.
        stop: Index after the last entry.
        why: The operation.
    """
    if (start, stop) == (0, length(axis)):
        return axis
    for units in roots(axis):
        units.mark(soft=[why])
    if not (_cut(axis, start, why) and _cut(axis, stop, why)):
        return opaque(stop - start, why)
    segments = resolve(axis)
    ends = [0]
    for units, block in segments:
        ends.append(ends[-1] + units.size * block)
    inside = [start <= at and end <= stop for at, end in pairwise(ends)]
    return [segment for segment, is_in in zip(segments, inside, strict=True) if is_in]


def _cut(axis: Axis, place: int, why: str) -> bool:
    """Make an index the start of a segment; False if it lies inside a unit."""
    at = 0
    for units, block in resolve(axis):
        if at < place < at + units.size * block:
            if (place - at) % block:
                units.mark(fixed=f"{why} cuts through a unit")
                return False
            units.split((place - at) // block)
            return True
        at += units.size * block
    return True
