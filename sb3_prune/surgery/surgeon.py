"""Apply: carry out a plan on every network, target and optimiser of a model at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from sb3_contrib.ars.policies import ARSPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BaseModel, BasePolicy
from torch import nn

from sb3_prune.exceptions import NonFiniteError, PlanError
from sb3_prune.surgery.built import note_built
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.execution import carry_out, is_finite
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.flow.quiet import noise
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.folding import are_zero
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.optimizer import unoptimised
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.report import Report
from sb3_prune.surgery.retired import retiring
from sb3_prune.surgery.rollback import rollback
from sb3_prune.surgery.targets import strangers, target_names
from sb3_prune.surgery.trial import movement, require_trial
from sb3_prune.surgery.tried import keep_trials
from sb3_prune.surgery.wiring import Wiring, owner_of, policy_of, wire

Layers = Mapping[str, HiddenLayer]


@usual_modes()
def apply(model: BaseAlgorithm | nn.Module, plan: Mapping[str, Change]) -> Report:
    """Carry out a plan, in place.

    Online networks, target networks and the state of every optimiser change together. A
    plan that is refused leaves the model untouched, bit for bit. Changed parameters are
    replaced by new ones, to which hooks on the old ones move (:mod:`.hooks`); who still
    trains the old ones gets an error (:mod:`.retired`). If modules of the policy come
    from neither torch nor Stable-Baselines3, a copy is cut first (:mod:`.trial`). The
    class of the policy stays: ``sb3_prune.apply`` sees to it that models can be loaded.

    Args:
        model: A Stable-Baselines3 model, or a policy. A policy that belongs to a model
            knows it once the model was given to this function, to :func:`wire` or to
            ``adopt``; then the model changes, too. Before, give the model: what it
            holds beside the policy, such as an optimiser, would go stale.
        plan: Changes by layer name, e.g. a :class:`Plan`.

    Returns:
        Units and parameters before and after, and what deserves a look.

    Raises:
        UnknownNameError: The model has no such hidden layer.
        PlanError: A value is not a change, is for another number of units, or mixes
            closed units; or a layer, an optimiser or an attribute cannot change.
        NonFiniteError: A weight is NaN or infinite, or would become infinite.
        UnsupportedPolicyError: The policy cannot be traced, or a trial fails.
    """
    model = owner_of(model)
    policy = policy_of(model)
    _check_whole(policy)
    built = wire(model).units()  # Also finds what the model holds beside its policy.
    plan = plan if isinstance(plan, Plan) else Plan(plan)
    units: dict[str, tuple[int, int]] = {}
    unfolded: dict[str, str] = {}
    lagging: dict[str, float] = {}
    before = count_parameters(policy)
    require_trial(policy, set(plan))
    mixing = _mixing(policy, plan)
    with retiring(model), rollback(model):
        for step in plan.steps:
            lagging |= _checked(wire(policy), step)
            for name, change in step.items():
                units[name] = units.get(name, (change.before, 0))[0], change.after
            unfolded |= carry_out(model, step)
            _check_cut(wire(policy), step)
        # The policy's own code may fail with fewer units: wire() raises then.
        fixed = wire(policy).fixed
    if units:
        note_built(policy, built)
        keep_trials(policy)
    return Report(
        units=units,
        parameters=(before, count_parameters(policy)),
        lagging=lagging,
        unfolded=unfolded,
        mixing=mixing,
        unoptimised=tuple(unoptimised(model, tuple(target_names(policy)))),
        fixed=fixed,
        strangers=strangers(policy),
    )


def _check_whole(policy: nn.Module) -> None:
    """Check that a policy is none of the networks that SB3 builds policies of.

    Raises:
        PlanError: It is one, such as an actor or a critic.
    """
    known = ("stable_baselines3", "sb3_contrib")
    bases = [b for b in type(policy).__mro__ if b not in (BasePolicy, BaseModel)]
    theirs = any(base.__module__.partition(".")[0] in known for base in bases)
    whole = isinstance(policy, ARSPolicy) or hasattr(policy, "_build")
    if theirs and isinstance(policy, BaseModel) and not whole:
        raise PlanError(
            f"{type(policy).__name__} is a part of a policy, whose targets and "
            "optimisers would not change with it: give the model, or its policy, or a "
            "copy of the policy, and take the part of that."
        )


def _checked(wiring: Wiring, step: Mapping[str, Change]) -> dict[str, float]:
    """Check that a step of a plan fits the layers; return which targets lag behind."""
    layers = {name: wiring[name] for name in step}
    check_widths(layers, step)
    check_finite(layers)
    return _lagging(layers, step)


def _check_cut(wiring: Wiring, step: Mapping[str, Change]) -> None:
    """Check that each changed layer has the number of units that its change left.

    Raises:
        PlanError: The policy's code uses a replaced tensor by a hidden reference.
    """
    for name, change in step.items():
        has = wiring.units().get(name)
        if has != change.after and name not in wiring.fixed:
            raise PlanError(
                f"'{name}' should have {change.after} units now, but a forward shows "
                f"{has or 'none'}: some code of the policy still uses the old tensors, "
                "for example in a closure. Nothing was changed."
            )


def _mixing(policy: nn.Module, names: Iterable[str]) -> dict[str, str]:
    """Return, by layer, what mixes its units and how far outputs move; measure once."""
    wiring = wire(policy)
    mixed = [name for name in names if wiring[name].mixes]
    known: dict[str, str] = vars(policy).setdefault("_mixed_layers", {})
    if any(name not in known for name in mixed):
        mixing = [name for name, layer in wiring.items() if layer.mixes]
        far = movement(policy, mixing)
        for name in mixing:
            how = ", ".join(sorted(wiring[name].mixes))
            known[name] = (
                f"{how}: before the first cut, outputs of a copy without the dead "
                f"units of all such layers had moved by {far:.2g}"
            )
    return {name: known[name] for name in mixed}


def check_widths(layers: Layers, plan: Mapping[str, Change]) -> None:
    """Check that a plan was made for these layers.

    Raises:
        PlanError: A change is for another number of units, or mixes closed units.
    """
    for name, layer in layers.items():
        if plan[name].before != layer.units:
            raise PlanError(
                f"The plan expects {plan[name].before} units in '{name}', "
                f"the network has {layer.units}: the plan is for another network."
            )
        if plan[name].kept is None and not bool(layer.active.all()):
            raise PlanError(
                f"Some units of '{name}' are closed: call "
                "sb3_prune.surgery.remove_closed(model) before units are merged, added "
                "or redrawn."
            )
        _check_sharing(layer, plan[name])
        _check_noise(layer, plan[name])
        _check_shifts(layer, plan[name])


def _check_sharing(layer: HiddenLayer, change: Change) -> None:
    """Refuse to mix units if one of their weights has a second use."""
    if change.selection is None and layer.group.two_sided:
        raise PlanError(
            f"One weight both feeds and reads the units of '{layer.name}': these units "
            "can only be removed."
        )
    if change.selection is None and layer.group.doubled:
        raise PlanError(
            f"A weight of the units of '{layer.name}' is also used by itself, for "
            "example to compute its norm: these units can only be removed."
        )
    selects = {Side.ROWS: change.kept, Side.COLUMNS: change.selection}
    for side in layer.group.composed:
        if selects[side] is None:
            raise PlanError(
                f"A weight of the units of '{layer.name}' is computed from other "
                "tensors, for example as a product of them: these units can only be "
                "removed."
            )


def _check_noise(layer: HiddenLayer, change: Change) -> None:
    """Refuse changes that cannot keep the variance of gSDE's noise."""
    if change.distinct is not None:
        return
    for slot in layer.readers:
        distribution = noise(slot.owner) if slot.side is Side.NOISE else None
        if distribution is not None and distribution.use_expln:
            raise PlanError(
                f"'{layer.name}' feeds gSDE's noise with use_expln=True: units can "
                "only be removed there, because other changes alter its variance."
            )


def _check_shifts(layer: HiddenLayer, change: Change) -> None:
    """Refuse shifts that the readers' biases cannot take over."""
    for twin in layer.with_targets() if bool(change.shifts.any()) else ():
        if twin.unshiftable is not None:
            raise PlanError(
                f"The change of '{layer.name}' has shifts, but the biases of its "
                f"readers cannot take these over: {twin.unshiftable}."
            )


def check_finite(layers: Layers) -> None:
    """Check that all tensors of layers and of their targets are finite.

    Raises:
        NonFiniteError: A weight is NaN or infinite.
    """
    seen: set[int] = set()
    for name, layer in layers.items():
        for twin in layer.with_targets():
            tensors = {id(slot.tensor): slot.tensor for slot in twin.slots()}
            todo = [tensor for key, tensor in tensors.items() if key not in seen]
            seen |= tensors.keys()
            if not all(map(is_finite, todo)):
                raise NonFiniteError(f"Weights of '{name}' are NaN or infinite.")


def count_parameters(policy: nn.Module) -> int:
    """Return the number of parameters of a policy, thetas of gates left out."""
    named = policy.named_parameters()
    return sum(p.numel() for name, p in named if not name.endswith(".theta"))


def _lagging(layers: Layers, plan: Mapping[str, Change]) -> dict[str, float]:
    found = {}
    for name, layer in layers.items():
        gone = plan[name].removed if layer.targets else plan[name].removed[:0]
        dead = gone[_is_unread(layer, gone)]
        for target in layer.targets:
            read_by = _read_by(target, dead)
            if bool((read_by != 0).any()):
                found[name] = float(read_by.max())
    return found


def _is_unread(layer: HiddenLayer, units: torch.Tensor) -> torch.Tensor:
    """Tell which units no weight reads, or have a closed gate, bool, (N,)."""
    if not len(units):
        return torch.zeros(0, dtype=torch.bool)
    return are_zero(layer.outgoing())[units] | ~layer.active[units]


def _read_by(layer: HiddenLayer, units: torch.Tensor) -> torch.Tensor:
    """Return the largest weight that reads each unit, 0 if its gate is closed."""
    if not len(units):
        return torch.zeros(0)
    outgoing = layer.outgoing()[units.to(layer.like.device)]
    return outgoing.abs().amax(dim=1).cpu() * layer.active[units]
