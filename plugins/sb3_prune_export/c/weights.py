"""Weights of a layer as an array, exactly or in eight bits."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sb3_prune_export.c.views import View

LARGEST = 127
"""Largest whole number in which a weight is kept."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights, whose last axis are the outputs."""

    view: View
    """The weights, or whole numbers of eight bits."""
    scale: View | None = None
    """By what the outputs are multiplied; None: by 1."""


def quantised(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Round the weights of each output to whole multiples of its scale.

    .. math:: s_j = \max_i |w_{ij}| / 127, \quad q_{ij} = \mathrm{round}(w_{ij} / s_j)

    Args:
        weight: Weights, (..., outputs).

    Returns:
        q in eight bits, and s, (outputs,). Where all weights are zero, s is 1.
    """
    scale = weight.abs().amax(dim=tuple(range(weight.ndim - 1))) / LARGEST
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.round(weight / scale).to(torch.int8), scale
