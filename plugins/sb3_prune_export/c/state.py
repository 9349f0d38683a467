"""What has been lowered so far: steps, scratch memory and constant arrays."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch.fx import Node

from sb3_prune.exceptions import ExportError
from sb3_prune_export.c import graph
from sb3_prune_export.c.blocks import Block
from sb3_prune_export.c.groups import Group
from sb3_prune_export.c.numbers import DOUBLE, FLOAT, NUMBERS, Number
from sb3_prune_export.c.views import Buffer, View, contiguous
from sb3_prune_export.c.weights import Kernel, quantised


@dataclass(eq=False)
class Lowering:
    """What has been lowered so far."""

    double: bool = False
    """Compute what the program computes in float32 in float64."""
    int8: bool = False
    """Keep the weights of linear layers and convolutions in eight bits."""
    rounded: set[Node] = field(default_factory=set)
    """Operations whose weights are kept in eight bits."""
    steps: list[Block | Group] = field(default_factory=list)
    """Steps in order."""
    arrays: dict[str, tuple[Buffer, torch.Tensor]] = field(default_factory=dict)
    """Digest of the content -> constant array and its numbers."""
    module: str = ""
    """The module whose operation is being lowered."""

    def number(self, dtype: torch.dtype) -> Number:
        """Return the type in C of numbers of a type of torch.

        Raises:
            ExportError: There is none, e.g. for complex numbers.
        """
        if dtype not in NUMBERS:
            who = f"'{self.module}'" if self.module else "The agent"
            raise ExportError(f"{who} computes in {dtype}, which C lacks.")
        found = NUMBERS[dtype]
        return DOUBLE if self.double and found is FLOAT else found

    def block(self, node: Node) -> Block:
        """Append a step for an operation."""
        block = Block(f"{self.module}: {graph.shape_text(graph.first(node).shape)}")
        self.steps.append(block)
        return block

    def new(self, shape: Sequence[int], dtype: torch.dtype, padded: int = 0) -> View:
        """Return scratch memory for a tensor.

        Args:
            shape: Its shape.
            dtype: Type of its numbers.
            padded: Length of its last axis in memory; 0 is that of the shape.
        """
        size = math.prod(shape[:-1]) * padded if padded else math.prod(shape)
        buffer = Buffer(number=self.number(dtype), size=max(size, 1))
        return contiguous(buffer, tuple(shape), padded)

    def array(self, values: torch.Tensor, number: Number | None = None) -> View:
        """Return a constant array; equal ones are stored once."""
        values = values.detach().cpu().contiguous()
        number = number or self.number(values.dtype)
        data = values.flatten().view(torch.uint8) if values.numel() else values
        key = hashlib.sha256(bytes(data.numpy())).hexdigest() + str(values.dtype)
        if key not in self.arrays:
            name = f"constant_{len(self.arrays)}"
            buffer = Buffer(number=number, size=values.numel(), name=name)
            self.arrays[key] = (buffer, values)
        return contiguous(self.arrays[key][0], tuple(values.shape))

    def kernel(self, node: Node, weight: torch.Tensor) -> Kernel:
        """Return the weights of a layer, (..., outputs), as an array.

        Raises:
            ExportError: It has none, and C no arrays of length 0.
        """
        if not weight.numel():
            raise self.refuse(node, "a layer of 0 units has no place in C")
        if not self.int8 or not weight.is_floating_point():
            return Kernel(self.array(weight))
        self.rounded.add(node)
        whole, scale = quantised(weight)
        return Kernel(self.array(whole), self.array(scale.to(weight.dtype)))

    def view(self, value: View | torch.Tensor) -> View:
        """Return a tensor as a view, constants too."""
        return self.array(value) if isinstance(value, torch.Tensor) else value

    def refuse(self, node: Node, why: str) -> ExportError:
        """Return the error for an operation that cannot be lowered."""
        name, where = graph.name_of(node), graph.module_of(node)
        return ExportError(f"C export: '{name}' of module '{where}': {why}.")

    def written(self, buffer: Buffer) -> int:
        """Return the place of the last step that writes a buffer; -1 if none does."""
        places = (i for i, s in enumerate(self.steps) if buffer in s.writes)
        return max(places, default=-1)
