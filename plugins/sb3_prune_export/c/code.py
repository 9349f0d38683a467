"""Code: a program in C, as steps with places in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.fx import Node

from sb3_prune_export.c import graph
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.copying import copy, copy_into
from sb3_prune_export.c.groups import Group
from sb3_prune_export.c.lowering import lower
from sb3_prune_export.c.memory import plan
from sb3_prune_export.c.numbers import NUMBERS, Number
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import Buffer, View, contiguous


@dataclass(frozen=True, kw_only=True)
class Code:
    """A program in C."""

    inputs: list[Buffer]
    """What is read, named as in C."""
    outputs: list[Buffer]
    """What is written, named as in C."""
    blocks: list[Block]
    """Steps in order."""
    arrays: list[tuple[Buffer, torch.Tensor]]
    """Constant arrays and their numbers."""
    places: dict[Buffer, int]
    """Scratch buffer -> its place among numbers of its type."""
    sizes: dict[str, int]
    """Field of the scratch memory -> how many numbers it has."""
    rounded: set[Node]
    """Operations whose weights are kept in eight bits."""

    @property
    def weights(self) -> int:
        """How many constant numbers there are."""
        return sum(values.numel() for _, values in self.arrays)

    @property
    def weight_bytes(self) -> int:
        """Memory of the constant numbers."""
        return sum(_bytes(b.number, b.size) for b, _ in self.arrays)

    @property
    def scratch_bytes(self) -> int:
        """Memory of the scratch, without gaps between numbers of different types."""
        by_field = {number.field: number for number in NUMBERS.values()}
        return sum(_bytes(by_field[f], size) for f, size in self.sizes.items())


def _bytes(number: Number, count: int) -> int:
    return np.dtype(number.dtype).itemsize * count


def translate(
    program: ExportedProgram,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    double: bool = False,
    int8: bool = False,
) -> Code:
    """Translate a program to C.

    The outputs are written last, so a state may be written to where it was read from.

    Args:
        program: Core ATen operations, decomposed, batch 1.
        inputs: Name of each input.
        outputs: Name of each output; no name twice.
        double: Compute what the program computes in float32 in float64.
        int8: Keep the weights of linear layers and convolutions in eight bits.

    Raises:
        ExportError: An operation has no rule, or one with these arguments.
    """
    state = Lowering(double=double, int8=int8)
    given, found = lower(program, inputs, state)
    nodes = graph.outputs(program)
    targets = []
    results = [_apart(state, value) for value in found]
    for node, view, name in zip(nodes, results, outputs, strict=True):
        number = state.number(graph.fake(node).dtype)
        buffer = Buffer(number=number, size=view.meta.numel(), name=name)
        block = Block(f"output '{name}'")
        copy_into(block, view, contiguous(buffer, view.shape))
        state.steps.append(block)
        targets.append(buffer)
    blocks = [s.block() if isinstance(s, Group) else s for s in state.steps]
    used = [block for block in blocks if block.lines]
    places, sizes = plan(used)
    read = {buffer for block in used for buffer in block.reads}
    return Code(
        inputs=[view.buffer for view in given],
        outputs=targets,
        blocks=used,
        arrays=[pair for pair in state.arrays.values() if pair[0] in read],
        places=places,
        sizes=sizes,
        rounded=state.rounded,
    )


def _apart(state: Lowering, value: View | torch.Tensor) -> View:
    """Return an output that does not lie in an input, which may be overwritten."""
    view = state.view(value)
    constant = isinstance(value, torch.Tensor)
    return copy(state, view) if view.buffer.name and not constant else view
