"""Compensate: let the units that stay take over what the removed ones did."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from sb3_prune.compensation.fitting import Fit, fit
from sb3_prune.compensation.levels import levels
from sb3_prune.compensation.pretending import can_pretend, pretended
from sb3_prune.exceptions import FewObservationsError, UnsupportedPolicyError
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.samples import sample_activations, unrecorded
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.flow.slots import MASK, Side
from sb3_prune.surgery.folding import is_fed_nothing
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.memory import changed_states
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.surgeon import check_finite, check_widths
from sb3_prune.surgery.trial import copied, require_trial
from sb3_prune.surgery.wiring import wire

ENOUGH = 2
"""A fit needs so many samples per unit that stays ..."""
FEWEST = 20
"""... and at least so many."""


@dataclass(frozen=True, kw_only=True)
class Compensation:
    """What a compensated plan is based on."""

    inputs: Inputs
    """The inputs of the networks that the fits were made on."""
    fits: Mapping[str, Fit]
    """The fits by layer name."""
    plain: Mapping[str, str] = field(default_factory=dict)
    """Layers whose units are removed without compensation, with the reason."""

    @property
    def observations(self) -> int:
        """Number of observations."""
        return count_observations(self.inputs.observations)

    @property
    def error(self) -> float | None:
        """The largest relative error of a layer's fit; None if no layer was fitted."""
        return max((found.error for found in self.fits.values()), default=None)


@usual_modes()
def compensate(
    model: BaseAlgorithm, plan: Mapping[str, Change], inputs: Inputs
) -> tuple[Plan, Compensation]:
    """Return a plan that removes the same units, but changes outputs less.

    From the inputs on, layer by layer: the units that the uncut network had are fitted
    by the units that the network has after all cuts so far (:func:`~.fitting.fit`). The
    fit goes into the weights and biases that read the units, those of target networks
    included. Where biases cannot take over a constant, the fit has none.

    Args:
        model: The model; it stays as it is.
        plan: Changes that remove or merge units.
        inputs: Inputs of the networks, e.g. from
            :func:`~sb3_prune.recording.recent_inputs`.

    Raises:
        FewObservationsError: There are fewer than two samples per unit that stays.
        UnknownNameError: The model has no such hidden layer.
        PlanError: A change is for another number of units, or mixes closed units.
        NonFiniteError: A weight, an observation or an activation is NaN or infinite.
        UnsupportedPolicyError: The policy cannot be copied, or a trial cut fails.
    """
    policy, given = model.policy, inputs
    wiring = wire(model)
    layers = {name: wiring[name] for name in plan}
    check_widths(layers, plan)
    check_finite(layers)
    require_trial(policy, set(plan))
    reasons = {name: _unfit(layer, plan[name]) for name, layer in layers.items()}
    before = _sampled(policy, inputs, reasons)
    made, fits = dict(plan), {}
    source: Any = policy
    pretends = all(can_pretend(layer, plan[name]) for name, layer in layers.items())
    order = levels(wiring, plan)
    with ExitStack() as stack:
        for number, level in enumerate(order):
            todo = [name for name in level if name in before]
            now = before if number == 0 else None
            after = _after(source, inputs, {name: plan[name] for name in todo}, now)
            for name in todo:
                found = _fit(wiring[name], plan[name], before[name], after[name])
                fits[name] = found
                made[name] = replace(
                    plan[name], columns=found.columns, shifts=found.shifts
                )
            done = {name: made[name] for name in level}
            if number + 1 < len(order) and pretends:
                stack.enter_context(pretended(policy, done))
            elif number + 1 < len(order):
                source = _copied(policy) if source is policy else source
                inputs = _cut(source, done, inputs)
    return Plan(made), Compensation(
        inputs=given,
        fits=fits,
        plain={name: why for name, why in reasons.items() if why is not None},
    )


def _sampled(
    policy: BasePolicy, inputs: Inputs, reasons: dict[str, str | None]
) -> dict[str, torch.Tensor]:
    """Return samples of the layers without a reason against it; add such reasons."""
    names = [name for name, why in reasons.items() if why is None]
    try:
        return sample_activations(policy, inputs, names)
    except UnsupportedPolicyError:
        for name in unrecorded(policy, inputs, names):
            reasons[name] = "no forward of the policy shows what its readers get"
            names.remove(name)
        return sample_activations(policy, inputs, names)


def _unfit(layer: HiddenLayer, change: Change) -> str | None:
    """Return why a layer cannot be compensated, None if it can."""
    if change.after >= change.before or change.seeds:
        return "its change does more than remove or merge units"
    if layer.group.two_sided:
        return "one weight both makes and reads its units"
    if layer.group.doubled:
        return "a weight of its units is also used by itself"
    if any(slot.attribute == MASK for slot in layer.slots()):
        return "single weights of its units are masked"
    read = {each.slot.place for each in layer.reads}
    for slot in layer.readers:
        # The columns of noise stay as they are.
        known = slot.place in read or slot.side is Side.NOISE
        if not known and not isinstance(slot.owner, nn.RNNBase | nn.RNNCellBase):
            return "a computed weight reads its units"
    return None


def _fit(
    layer: HiddenLayer, change: Change, old: torch.Tensor, new: torch.Tensor
) -> Fit:
    """Fit a layer.

    Raises:
        FewObservationsError: There are too few samples.
        UnsupportedPolicyError: The cut network gives another number of samples.
    """
    if len(old) != len(new):
        raise UnsupportedPolicyError(
            f"The cut of '{layer.name}' cannot be compensated: its readers get "
            f"{len(old)} samples before the cut and {len(new)} after it."
        )
    needed = max(FEWEST, ENOUGH * change.after)
    if len(old) < needed:
        raise FewObservationsError(
            f"To compensate the cut of '{layer.name}' to {change.after} units takes "
            f"{needed} samples, there are {len(old)}: give more observations, or set "
            "compensate to False."
        )
    shiftable = all(twin.unshiftable is None for twin in layer.with_targets())
    weights = layer.outgoing().norm(dim=1).cpu()
    folded = change.removed[:0]
    if shiftable and not layer.mixes and change.kept is not None:
        # Folding is exact, even if readers get different constants.
        folded = change.removed[is_fed_nothing(layer)[change.removed]]
    weights[folded] = 0.0
    found = fit(old, new, change.columns, weights, intercept=shiftable)
    found.columns[folded] = 0.0
    found.shifts[folded] = 0.0
    return found


def _after(
    policy: Any,
    inputs: Inputs,
    plan: Mapping[str, Change],
    now: Mapping[str, torch.Tensor] | None,
) -> dict[str, torch.Tensor]:
    """Return the activations of layers after a plain cut of these layers alone.

    Args:
        policy: The policy.
        inputs: Inputs of its networks.
        plan: The cuts.
        now: The activations of the layers, if they are known.
    """
    wiring = wire(policy)
    whole = [n for n, c in plan.items() if c.kept is not None and not wiring[n].mixes]
    if now is None:
        now = sample_activations(policy, inputs, whole)
    after = {name: now[name][:, plan[name].kept] for name in whole}
    rest = {name: change for name, change in plan.items() if name not in after}
    if rest:
        probe: Any = _copied(policy)
        after |= sample_activations(probe, _cut(probe, rest, inputs), list(rest))
    return after


def _cut(policy: nn.Module, plan: Mapping[str, Change], inputs: Inputs) -> Inputs:
    """Carry out a plan on a copy; return inputs with LSTM states as they are now."""
    states = inputs.lstm_states
    if states is not None and isinstance(policy, RecurrentActorCriticPolicy):
        changed = [(wire(policy)[name], change) for name, change in plan.items()]
        inputs = replace(inputs, lstm_states=changed_states(policy, states, changed))
    carry_out(policy, plan, follows=False)
    return inputs


def _copied(policy: nn.Module) -> nn.Module:
    """Return a copy to cut.

    Raises:
        UnsupportedPolicyError: The policy cannot be copied.
    """
    try:
        return copied(policy)
    except Exception as error:
        raise UnsupportedPolicyError(
            f"To compensate cuts takes a copy of {type(policy).__name__}, which cannot "
            f"be copied ({type(error).__name__}: {error}): set compensate to False."
        ) from error
