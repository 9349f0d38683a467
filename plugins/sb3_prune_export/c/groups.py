"""A group: operations on single numbers that share one loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from sb3_prune_export.c.axes import place
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.views import Buffer, View, is_dense, row_major, strided

VARIABLES = ("i", "j", "k", "l", "m", "n", "o", "p")


@dataclass(eq=False)
class Member:
    """One operation of a group."""

    template: str
    """C expression with ``{0}``, ``{1}``... for the operands."""
    operands: list[View | str]
    """Tensors in the shape of the result, and literals."""
    casts: list[str]
    """What stands before each operand, e.g. ``(float)``."""
    buffer: Buffer
    """Where the result goes, if somebody else needs it."""


@dataclass(eq=False)
class Group:
    """Operations whose results have one shape and one order in memory."""

    sizes: tuple[int, ...]
    """Shape of all results, without axes of length 1."""
    strides: tuple[int, ...]
    """Strides of all results."""
    titles: list[str] = field(default_factory=list)
    """A comment of each operation."""
    members: list[Member] = field(default_factory=list)
    """The operations, in order."""

    @property
    def writes(self) -> list[Buffer]:
        """Results of the operations."""
        return [member.buffer for member in self.members]

    def member(self, view: View) -> int | None:
        """Return the number of the operation that a tensor is the result of."""
        for index, each in enumerate(self.members):
            if each.buffer is view.buffer:
                return index
        return None

    def fits(self, view: View) -> bool:
        """Tell whether a tensor's numbers are met in the order of the loop."""
        sizes, strides = squeezed(view.meta)
        return (sizes, strides, view.offset) == (self.sizes, self.strides, 0)

    def result(self, buffer: Buffer, shape: tuple[int, ...]) -> View:
        """Return the result of an operation as a tensor of this group."""
        remaining = iter(self.strides)
        full = [next(remaining) if size != 1 else 1 for size in shape]
        return View(buffer, strided(shape, full, buffer.size))

    def block(self) -> Block:
        """Return the loop; results that nobody else reads stay in variables."""
        block = Block("; ".join(dict.fromkeys(self.titles)))
        outside = [
            v
            for member in self.members
            for v in member.operands
            if isinstance(v, View) and self.member(v) is None
        ]
        tables = [self.strides, *(squeezed_like(v.meta) for v in outside)]
        sizes, merged = merge(self.sizes, tables)
        with block.nest(VARIABLES, sizes):
            places = {
                id(view): place(VARIABLES, sizes, strides)
                for view, strides in zip(outside, merged[1:], strict=True)
            }
            self._fill(block, places, place(VARIABLES, sizes, merged[0]))
        return block

    def _fill(self, block: Block, places: dict[int, str], here: str) -> None:
        names: dict[int, str] = {}
        for index, member in enumerate(self.members):
            texts = []
            for cast, operand in zip(member.casts, member.operands, strict=True):
                if isinstance(operand, str):
                    texts.append(operand)
                elif (inside := self.member(operand)) is not None:
                    texts.append(cast + names[inside])
                else:
                    texts.append(f"{cast}{block.read(operand)}[{places[id(operand)]}]")
            value = member.template.format(*texts)
            if self._used_later(index):
                names[index] = f"t{index}"
                block.line(f"const {member.buffer.number.name} t{index} = {value};")
                value = f"t{index}"
            if member.buffer.read:
                target = View(member.buffer, torch.empty(0, device="meta"))
                block.line(f"{block.write(target)}[{here}] = {value};")

    def _used_later(self, index: int) -> bool:
        return any(
            isinstance(view, View) and self.member(view) == index
            for member in self.members[index + 1 :]
            for view in member.operands
        )


def squeezed(meta: torch.Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return sizes and strides without axes of length 1."""
    kept = [(n, s) for n, s in zip(meta.shape, meta.stride(), strict=True) if n != 1]
    return tuple(n for n, _ in kept), tuple(s for _, s in kept)


def squeezed_like(meta: torch.Tensor) -> tuple[int, ...]:
    """Return the strides without axes of length 1."""
    return squeezed(meta)[1]


def layout(shape: tuple[int, ...], views: Sequence[View]) -> tuple[int, ...]:
    """Return the strides of a result: those of the first operand without gaps."""
    sizes = tuple(size for size in shape if size != 1)
    for view in views:
        found, strides = squeezed(view.meta)
        if found == sizes and is_dense(sizes, strides):
            return strides
    return tuple(row_major(sizes))


def merge(
    sizes: tuple[int, ...], tables: list[tuple[int, ...]]
) -> tuple[list[int], list[list[int]]]:
    """Join axes that are walked as one in every table of strides.

    Returns:
        The sizes that stay, in the order of the first table, and the tables for them.
    """
    order = sorted(range(len(sizes)), key=lambda axis: -tables[0][axis])
    kept: list[int] = []
    rows: list[list[int]] = [[] for _ in tables]
    for axis in order:
        joins = kept and all(
            row[-1] == table[axis] * sizes[axis]
            for row, table in zip(rows, tables, strict=True)
        )
        if joins:
            kept[-1] *= sizes[axis]
        else:
            kept.append(sizes[axis])
        for row, table in zip(rows, tables, strict=True):
            row[-1:] = [table[axis]] if joins else [*row[-1:], table[axis]]
    return kept, rows
