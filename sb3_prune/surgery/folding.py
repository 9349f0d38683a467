"""Folding: a removed unit that is constant, not zero, moves into the next bias."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from sb3_prune.surgery.change import Change
from sb3_prune.surgery.wiring import HiddenLayer

Key = tuple[nn.Module, str]


def constants(layer: HiddenLayer) -> torch.Tensor:
    r"""Return what each unit emits if its incoming weights are all zero, (K,).

    .. math:: c_k = m_k \, a(b_k) \text{ if } W_{k \cdot} = 0, \text{ else } 0

    Normalisation between the layer and its readers uses its running statistics.
    """
    bias = layer.linear.bias
    hidden = torch.zeros_like(layer.incoming()[:, 0]) if bias is None else bias.detach()
    modes = [module.training for module in layer.between]
    hidden = hidden[None]  # (1, K)
    for module in layer.between:
        hidden = module.eval()(hidden)
    for module, mode in zip(layer.between, modes, strict=True):
        module.train(mode)
    dead = (layer.incoming() == 0).all(dim=1)
    return torch.where(dead, hidden[0], torch.zeros_like(hidden[0]))


def folded_biases(
    layer: HiddenLayer, change: Change, pending: Mapping[Key, torch.Tensor]
) -> dict[Key, torch.Tensor]:
    r"""Return the readers' biases with the removed constant units added.

    .. math:: b_{l+1}' = b_{l+1} + \sum_{k \text{ removed}} W_{l+1, \cdot k} c_k

    Args:
        layer: The layer that loses units.
        change: What happens to it; only a pure removal folds.
        pending: Biases already changed, which these add to.
    """
    if change.selection is None or not len(change.removed):
        return {}
    gone = change.removed.to(layer.linear.weight.device)
    value = constants(layer)[gone]
    mixes = any(isinstance(module, nn.LayerNorm) for module in layer.between)
    if mixes or not bool(value.any()):
        return {}
    folded: dict[Key, torch.Tensor] = {}
    for slot in layer.readers:
        bias = getattr(slot.owner, "bias", None)
        if isinstance(slot.owner, nn.Linear) and bias is not None:
            weight = slot.owner.weight.detach().narrow(1, slot.start, layer.units)
            base = pending.get((slot.owner, "bias"), bias.detach())
            folded[slot.owner, "bias"] = base + weight[:, gone] @ value
    return folded
