"""How much an agent's decisions change where its weights are kept in eight bits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.export import ExportedProgram

from sb3_prune_export.c import graph
from sb3_prune_export.c.weights import quantised

Arrays = Sequence[np.ndarray]
WEIGHT = {"addmm": (2, -1), "mm": (1, -1), "convolution": (1, 0)}
"""Operation -> which argument holds its weights, and the axis of their outputs."""


class Rounded(fx.Interpreter):
    """Runs a program with the weights of some operations rounded.

    Args:
        program: The program.
        nodes: Operations whose weights are rounded; with none it runs as it is.
    """

    def __init__(self, program: ExportedProgram, nodes: Iterable[fx.Node]) -> None:
        super().__init__(program.graph_module)
        self.program, self.nodes = program, set(nodes)

    def __call__(self, inputs: Arrays) -> list[np.ndarray]:
        """Return the outputs for one array per input."""
        known = graph.constants(self.program)
        given = dict(zip(graph.inputs(self.program), inputs, strict=True))
        with torch.no_grad():
            found = self.run(
                *(
                    known[node.name] if node.name in known else _tensor(given[node])
                    for node in self.module.graph.nodes  # type: ignore[union-attr]
                    if node.op == "placeholder"
                )
            )
        return [each.numpy() for each in found]

    def run_node(self, n: fx.Node) -> Any:
        """Run an operation."""
        if n not in self.nodes:
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        place, axis = WEIGHT[graph.name_of(n)]
        changed = list(args)
        changed[place] = rounded(changed[place], axis)
        return n.target(*changed, **kwargs)  # type: ignore[operator]


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def rounded(weight: torch.Tensor, axis: int) -> torch.Tensor:
    """Return weights as eight bits hold them.

    Args:
        weight: Weights of a layer.
        axis: Axis of the layer's outputs.
    """
    whole, scale = quantised(weight.movedim(axis, -1))
    return (whole.to(weight.dtype) * scale).movedim(-1, axis)
