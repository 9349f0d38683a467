"""Folding: a removed unit that is constant, not zero, moves into the next bias."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from sb3_prune.surgery.chains import Side, Slot
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.wiring import HiddenLayer

Key = tuple[nn.Module, str]


def constants(
    layer: HiddenLayer, pending: Mapping[Key, torch.Tensor] | None = None
) -> torch.Tensor:
    r"""Return what each unit emits if its incoming weights are all zero, (K,).

    .. math:: c_k = m_k \, a(b_k) \text{ if } W_{k \cdot} = 0, \text{ else } 0

    Normalisation between the layer and its readers uses its running statistics.

    Args:
        layer: The layer.
        pending: Tensors already changed, which replace its own.
    """
    pending = pending or {}
    weight = pending.get((layer.linear, "weight"), layer.incoming())
    bias = _current(layer.linear, "bias", pending)
    hidden = torch.zeros_like(weight[:, 0]) if bias is None else bias
    modes = [module.training for module in layer.between]
    hidden = hidden[None]  # (1, K)
    for module in layer.between:
        hidden = module.eval()(hidden)
    for module, mode in zip(layer.between, modes, strict=True):
        module.train(mode)
    dead = (weight == 0).all(dim=1)
    return torch.where(dead, hidden[0], torch.zeros_like(hidden[0]))


def fold(
    layer: HiddenLayer, change: Change, pending: Mapping[Key, torch.Tensor]
) -> dict[Key, torch.Tensor]:
    r"""Return the readers' tensors with the removed units folded into their biases.

    .. math:: b_{l+1}' = b_{l+1} + \sum_{k \text{ removed}} W_{l+1, \cdot k} c_k

    Their weights read the removed units no more: a unit that read nothing else is
    constant now, and folds in its turn if it goes too.

    Args:
        layer: The layer that loses units.
        change: What happens to it; only a pure removal folds.
        pending: Tensors already changed by folding the layers before.
    """
    if change.selection is None or not len(change.removed):
        return {}
    gone = change.removed.to(layer.linear.weight.device)
    emitted = constants(layer, pending)[gone]
    mixes = any(isinstance(module, nn.LayerNorm) for module in layer.between)
    folded: dict[Key, torch.Tensor] = {}
    for slot in layer.readers:
        if slot.side is not Side.COLUMNS or not isinstance(slot.owner, nn.Linear):
            continue
        key, columns = (slot.owner, slot.attribute), gone + slot.start
        weight = pending.get(key, slot.owner.weight.detach())
        bias = folded.get((slot.owner, "bias"), _current(slot.owner, "bias", pending))
        if bias is not None and bool(emitted.any()) and not mixes:
            arriving = emitted * _scales(slot, gone)
            folded[slot.owner, "bias"] = bias + weight[:, columns] @ arriving
        folded[key] = weight.index_fill(1, columns, 0.0)
    return folded


def _scales(slot: Slot, units: torch.Tensor) -> torch.Tensor:
    """Return what the units are multiplied by on their way to a reader, (units,)."""
    product = torch.ones(len(units), device=units.device)
    for scale in slot.through:
        product = product * getattr(scale.owner, scale.attribute)[units + scale.start]
    return product.detach()


def _current(
    owner: nn.Module, name: str, pending: Mapping[Key, torch.Tensor]
) -> torch.Tensor | None:
    tensor: torch.Tensor | None = getattr(owner, name, None)
    return None if tensor is None else pending.get((owner, name), tensor.detach())
