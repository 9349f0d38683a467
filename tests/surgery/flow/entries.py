"""Entries: which unit each entry along an axis belongs to, spelt out one by one."""

from __future__ import annotations

from sb3_prune.surgery.flow.axes import Axis, Units, resolve

Entry = tuple[Units, int]
"""A variable, and the number of one of its units."""


def entries(axis: Axis) -> list[Entry]:
    """Return the unit of every entry of an axis, as far as is known now."""
    return [
        (units, k)
        for units, block in resolve(axis)
        for k in range(units.size)
        for _ in range(block)
    ]
