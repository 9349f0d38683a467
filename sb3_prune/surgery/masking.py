"""Masking: close the gates of units instead of removing them, and remove them later."""

from __future__ import annotations

from collections.abc import Mapping

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery.apply import Report, apply
from sb3_prune.surgery.change import Change, keep
from sb3_prune.surgery.wiring import Wiring, wire


def mask(model: BaseAlgorithm | nn.Module, plan: Mapping[str, Change]) -> None:
    """Close the gates of every unit that a plan removes, in online and target networks.

    Args:
        model: A model or policy with gates.
        plan: Changes that only remove units.

    Raises:
        UnknownNameError: The model has no such hidden layer.
        UnsupportedPolicyError: The policy has no gates.
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    wiring = wire(policy)
    layers = [wiring[name] for name in plan]
    twins = [la for layer in layers for la in (layer, layer.target) if la is not None]
    if any(layer.gate is None for layer in twins):
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} has no gates: use a Masked...Policy, "
            "or sb3_prune.adopt(model) first."
        )
    for name, layer in zip(plan, layers, strict=True):
        for twin in (layer, layer.target):
            if twin is not None and twin.gate is not None:
                weight = twin.linear.weight.detach()
                twin.gate.close(plan[name].removed.tolist(), like=weight[:, 0])


def closed_units(wiring: Wiring) -> dict[str, Change]:
    """Return the plan that removes every unit whose gate is closed."""
    return {
        name: keep(layer.active.nonzero().flatten().tolist(), layer.units)
        for name, layer in wiring.items()
        if not bool(layer.active.all())
    }


def remove_closed(model: BaseAlgorithm | nn.Module) -> Report:
    """Remove every unit whose gate is closed; outputs stay equal."""
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    report = apply(model, closed_units(wire(policy)))
    for layer in wire(policy).values():
        for twin in (layer, layer.target):
            if twin is not None and twin.gate is not None and bool(twin.active.all()):
                twin.gate.open()
    return report
