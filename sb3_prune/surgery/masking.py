"""Masking: close the gates of units instead of removing them, and remove them later."""

from __future__ import annotations

from collections.abc import Mapping

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import PlanError, UnsupportedPolicyError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.elementary import keep
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.report import Report
from sb3_prune.surgery.surgeon import apply, check_widths
from sb3_prune.surgery.wiring import Wiring, policy_of, wire


@usual_modes()
def mask(model: BaseAlgorithm | nn.Module, plan: Mapping[str, Change]) -> None:
    """Close the gates of every unit that a plan removes, in online and target networks.

    A plan that is refused closes no gate.

    Args:
        model: A model or policy with gates.
        plan: Changes that only remove units.

    Raises:
        UnknownNameError: The model has no such hidden layer.
        UnsupportedPolicyError: The policy has no gates.
        PlanError: A change is for another number of units, does more than remove, or
            would close the last gates of a layer.
    """
    policy = policy_of(model)
    plan = Plan(plan)
    wiring = wire(policy)
    layers = {name: wiring[name] for name in plan}
    if bare := [name for name, layer in layers.items() if layer.gate is None]:
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} has no gates at {', '.join(bare)}: use a "
            "Masked...Policy, or call sb3_prune.adopt(model) first. Some layers, such "
            "as LSTMs, cannot have gates: remove their units (physical=True), or "
            "exclude the layers by the option networks."
        )
    check_widths(layers, plan)
    _check_removals(layers, plan)
    for name, layer in layers.items():
        for twin in layer.with_targets():
            if twin.gate is not None:
                twin.gate.close(plan[name].removed.tolist(), like=twin.like.detach())


def _check_removals(
    layers: Mapping[str, HiddenLayer], plan: Mapping[str, Change]
) -> None:
    for name, layer in layers.items():
        kept = plan[name].selection
        if kept is None:
            raise PlanError(f"Gates can only remove units; '{name}' has {plan[name]}.")
        if not bool(layer.active[kept].any()):
            raise PlanError(f"No unit of '{name}' would pass; leave one gate open.")


def closed_units(wiring: Wiring) -> dict[str, Change]:
    """Return the plan that removes every unit whose gate is closed."""
    return {
        name: keep(layer.active.nonzero().flatten().tolist(), layer.units)
        for name, layer in wiring.items()
        if not bool(layer.active.all())
    }


def remove_closed(model: BaseAlgorithm | nn.Module) -> Report:
    """Remove every unit whose gate is closed; outputs stay equal."""
    policy = policy_of(model)
    report = apply(model, closed_units(wire(policy)))
    for layer in wire(policy).values():
        for twin in layer.with_targets():
            if twin.gate is not None and bool(twin.active.all()):
                twin.gate.open()
    return report
