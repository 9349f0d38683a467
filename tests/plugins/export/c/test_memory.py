"""Tests for sb3_prune_export/c/memory.py."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.memory import plan
from sb3_prune_export.c.numbers import DOUBLE, FLOAT
from sb3_prune_export.c.views import Buffer, contiguous


def chain(sizes: list[int], doubles: list[bool]) -> tuple[list[Buffer], list[Block]]:
    """Return steps, each of which reads the last buffer and the one before."""
    buffers = [
        Buffer(number=DOUBLE if double else FLOAT, size=size)
        for size, double in zip(sizes, doubles, strict=True)
    ]
    blocks = []
    for index, buffer in enumerate(buffers):
        block = Block("step")
        for other in buffers[max(index - 2, 0) : index]:
            block.read(contiguous(other, (other.size,)))
        block.write(contiguous(buffer, (buffer.size,)))
        blocks.append(block)
    return buffers, blocks


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=12))
def test_what_lives_at_the_same_time_does_not_overlap(
    drawn: list[tuple[int, bool]],
) -> None:
    buffers, blocks = chain([n for n, _ in drawn], [d for _, d in drawn])
    places, sizes = plan(blocks)
    for step in range(len(buffers)):
        alive = buffers[max(step - 2, 0) : step + 1]
        for field in ("f", "d"):
            taken = sorted(
                (places[b], places[b] + b.size)
                for b in alive
                if b.number.field == field
            )
            for (_, end), (begin, _) in pairwise(taken):
                assert end <= begin
            assert all(end <= sizes[field] for _, end in taken)


def test_memory_is_used_again() -> None:
    _, blocks = chain([10] * 9, [False] * 9)
    _, sizes = plan(blocks)
    assert sizes == {"f": 30}


def test_inputs_and_constants_take_no_scratch() -> None:
    block = Block("step")
    block.read(contiguous(Buffer(number=FLOAT, size=3, name="observation"), (3,)))
    assert plan([block]) == ({}, {})
