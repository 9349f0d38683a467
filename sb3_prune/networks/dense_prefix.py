r"""Dense prefix: compute the part of a DenseNet that depends on shared inputs once.

Critics need the features of the same states with several actions. Let x be the shared
inputs (the state features) and :math:`r_0` the other inputs (the action). Every block
appends units to its scaled input, so after block l the input x is still there, scaled
by :math:`s_l = \prod_{i \le l} V_i`, the product of the diagonals of V at x:

.. math::
    z_l = [s_l \odot x;\; r_l], \quad
    h_l = W_l z_{l-1} + b_l
        = \underbrace{W_l^x (s_{l-1} \odot x) + b_l}_{\text{depends on x alone}}
        + W_l^r r_{l-1}

with :math:`r_l` the scaled other inputs and all new units so far. The part that depends
on x alone is one matrix product for all blocks. It is computed once and used for all
actions.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from sb3_prune.networks.dense import dense_blocks


def prefix(net: nn.Sequential, known: torch.Tensor) -> torch.Tensor:
    """Compute the part of a DenseNet that depends on its first inputs alone.

    Args:
        net: Sequential of dense blocks.
        known: The first inputs x, (batch, known).

    Returns:
        The part of h_l that depends on x alone for every block l, and s_L x of the last
        block L, side by side: (batch, units of all blocks + known).
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
    """Compute the output of a DenseNet from the result of :func:`prefix`.

    Args:
        net: Sequential of dense blocks, not in training mode.
        prefixed: The result of :func:`prefix` for the first inputs x.
        rest: The other inputs r_0, (batch, rest).

    Returns:
        The output of the net for [x; r_0] up to rounding, (batch, width).
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
    """Yield every tensor of the net that :func:`prefix` reads."""
    for block in dense_blocks(net):
        yield from (block.weight, block.bias, block.scale)
