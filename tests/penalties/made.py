"""What the tests of penalties share: agents, and gradients as autograd says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import zoo
from images import LOOKERS

import sb3_prune as sp
from sb3_prune.penalties import Penalty
from sb3_prune.surgery import HiddenLayer
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import multiplied

KINDS = ["PPO", "SAC", "DQN", "RecurrentPPO", "PPO-Cnn-apart", "SAC-Cnn-shared"]
"""Perceptrons, target networks, LSTMs, convolutions, shared features."""


def make(kind: str, *, closed: bool = False) -> Any:
    """Make an agent, with some of its gates closed if asked for."""
    model = LOOKERS[kind].make() if kind in LOOKERS else zoo.make_model(kind)
    if closed:
        sp.mask(model, zoo.random_plan(model.policy, gated=True))
    return model


def joined(layer: HiddenLayer, slots: Sequence[Slot]) -> torch.Tensor:
    """Return weights as a matrix, (K, entries), through which gradients flow."""
    parts = []
    for slot in slots:
        tensor = slot.tensor
        for other, gate in layer.gated.get(slot.key, ()):
            if other.axis != slot.axis and gate.mask is not None:
                tensor = multiplied(tensor, other, gate.mask)
        parts.append(slot.units(tensor, layer.units).reshape(layer.units, -1))
    nothing = torch.zeros(layer.units, 0)
    own = layer.active.float().unsqueeze(1)
    return torch.cat([nothing, *parts], dim=1) * own


def total(penalty: Penalty, strengths: Mapping[HiddenLayer, float]) -> torch.Tensor:
    """Return the sum of the penalties of some layers, times their strengths."""
    rows = [slot.key for layer in strengths for slot in layer.weights(Side.ROWS)]
    found = []
    for layer, strength in strengths.items():
        reading = [
            slot
            for slot in layer.weights(Side.COLUMNS)
            if not (penalty.counts_once and slot.key in rows)
        ]
        incoming = joined(layer, layer.weights(Side.ROWS))
        found.append(strength * penalty.value(incoming, joined(layer, reading)))
    return torch.stack(found).sum()


def expected(
    model: Any, penalty: Penalty, strengths: Mapping[HiddenLayer, float]
) -> dict[str, torch.Tensor]:
    """Return the gradient of the penalties at every parameter of the policy."""
    named = dict(model.policy.named_parameters())
    learning = [p.requires_grad for p in named.values()]
    for p in named.values():
        p.requires_grad_(True)
    value = total(penalty, strengths)
    found = torch.autograd.grad(value, list(named.values()), allow_unused=True)
    for p, learns in zip(named.values(), learning, strict=True):
        p.requires_grad_(learns)
    return {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(named.items(), found, strict=True)
    }


def descend(model: Any) -> None:
    """Let every parameter get the gradient 1, as an update would."""
    parameters = list(model.policy.parameters())
    for p in parameters:
        p.requires_grad_(True)
        p.grad = None
    torch.stack([p.sum() for p in parameters]).sum().backward()


def added(model: Any) -> dict[str, torch.Tensor]:
    """Return what was added to the gradients of 1."""
    return {n: p.grad - 1 for n, p in model.policy.named_parameters()}
