"""Copy numbers from one tensor to another."""

from __future__ import annotations

from sb3_prune_export.c import graph
from sb3_prune_export.c.axes import place
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.groups import VARIABLES, merge, squeezed
from sb3_prune_export.c.state import Lowering
from sb3_prune_export.c.views import Buffer, View, contiguous


def copy(lowering: Lowering, view: View) -> View:
    """Return a tensor in memory of its own, in the usual order."""
    block = Block(f"{lowering.module}: {graph.shape_text(view.shape)}, in order")
    number = view.buffer.number
    target = contiguous(Buffer(number=number, size=view.meta.numel()), view.shape)
    lowering.steps.append(block)
    copy_into(block, view, target)
    return target


def copy_into(block: Block, source: View, target: View) -> None:
    """Write the loops that copy a tensor into one of equal shape."""
    sizes, ours = squeezed(target.meta)
    kept, (to, of) = merge(sizes, [ours, squeezed(source.meta)[1]])
    names = target.buffer.number.name, source.buffer.number.name
    cast = "" if names[0] == names[1] else f"({names[0]})"
    x, y = block.read(source), block.write(target)
    with block.nest(VARIABLES, kept):
        there, here = place(VARIABLES, kept, to), place(VARIABLES, kept, of)
        block.line(f"{y}[{there}] = {cast}{x}[{here}];")
