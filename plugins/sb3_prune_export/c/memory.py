"""The memory plan: where each buffer lies in the scratch memory."""

from __future__ import annotations

from collections.abc import Sequence

from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.views import Buffer

Span = tuple[int, int]
"""First and last step that uses a buffer."""


def plan(blocks: Sequence[Block]) -> tuple[dict[Buffer, int], dict[str, int]]:
    """Place the buffers that live at the same time beside each other, others above.

    The largest are placed first, each at the lowest place that is free while it lives.

    Returns:
        Scratch buffer -> its place among numbers of its type, and the size of the
        memory for each field of the scratch memory.
    """
    spans = _spans(blocks)
    places: dict[Buffer, int] = {}
    sizes: dict[str, int] = {}
    for buffer in sorted(spans, key=lambda each: -each.size):
        field = buffer.number.field
        rivals = [
            (at, at + other.size)
            for other, at in places.items()
            if other.number.field == field and _meet(spans[other], spans[buffer])
        ]
        places[buffer] = _gap(rivals, buffer.size)
        sizes[field] = max(sizes.get(field, 0), places[buffer] + buffer.size)
    return places, sizes


def _spans(blocks: Sequence[Block]) -> dict[Buffer, Span]:
    spans: dict[Buffer, Span] = {}
    for step, block in enumerate(blocks):
        for buffer in [*block.writes, *block.reads]:
            if buffer.name is None:
                first, _ = spans.get(buffer, (step, step))
                spans[buffer] = (first, step)
    return spans


def _meet(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _gap(taken: list[tuple[int, int]], size: int) -> int:
    """Return the lowest place where so many numbers are free."""
    place = 0
    for first, end in sorted(taken):
        if place + size <= first:
            break
        place = max(place, end)
    return place
