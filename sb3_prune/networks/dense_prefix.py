r"""Dense prefix: what a DenseNet makes of inputs that several calls share.

Critics ask for the features of one state and several actions. With the state x, the
rest r and the products :math:`s_l = \prod_{i \le l} V_i` of the diagonals at x,

.. math::
    z_l = [s_l \odot x;\; r_l], \quad
    h_l = \underbrace{W_l^x (s_{l-1} \odot x) + b_l}_{\text{known from x}}
        + W_l^r r_{l-1}

so that everything of x is one product for all blocks, and computed once.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from sb3_prune.networks.dense import dense_blocks


def prefix(net: nn.Sequential, known: torch.Tensor) -> torch.Tensor:
    """Compute what depends on the first inputs of a DenseNet alone.

    Args:
        net: Dense blocks.
        known: The first inputs x, (batch, known).

    Returns:
        h of every block as far as it is known, and s_L x, side by side:
        (batch, units of all blocks + known).
    """
    blocks, size = dense_blocks(net), known.shape[1]
    scale = torch.ones_like(blocks[0].scale[:size])
    weights = []
    for block in blocks:
        weights.append(block.weight[:, :size] * scale)
        scale = scale * block.scale[:size]
    biases = torch.cat([block.bias for block in blocks])
    hidden = functional.linear(known, torch.cat(weights), biases)
    return torch.cat([hidden, scale * known], dim=1)


def complete(
    net: nn.Sequential, prefixed: torch.Tensor, rest: torch.Tensor
) -> torch.Tensor:
    """Compute a DenseNet whose first inputs were computed by :func:`prefix`.

    Args:
        net: Dense blocks, not in training.
        prefixed: What is known, of :func:`prefix`.
        rest: The other inputs r, (batch, rest).

    Returns:
        What the net makes of [x; r] up to rounding, (batch, width).
    """
    blocks = dense_blocks(net)
    size = len(blocks[0].scale) - rest.shape[1]
    sizes = [*(len(block.weight) for block in blocks), size]
    *hidden, passed = prefixed.split_with_sizes(sizes, dim=1)
    for block, known in zip(blocks, hidden, strict=True):
        both = torch.addmm(known, rest, block.weight[:, size:].t())
        rest = torch.cat([block.scale[size:] * rest, block.new_units(both)], dim=1)
    return torch.cat([passed, rest], dim=1)


def depends_on(net: nn.Sequential) -> Iterator[torch.Tensor]:
    """Yield every tensor that :func:`prefix` reads besides its argument."""
    for block in dense_blocks(net):
        yield from (block.weight, block.bias, block.scale)
