"""Apply: carry out a plan on every network, target and optimiser of a model at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import NonFiniteError, PlanError
from sb3_prune.surgery.chains import Side, Slot
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.dimensions import refresh_caches, sync_dimensions
from sb3_prune.surgery.folding import fold
from sb3_prune.surgery.optimizer import move_state, optimizers
from sb3_prune.surgery.wiring import HiddenLayer, wire

Key = tuple[nn.Module, str]
"""A tensor by its owner and attribute name."""
_ZERO = ("bias", "mean", "square")
"""Ends of the names of tensors that are zero for a new unit; others are one."""


@dataclass(frozen=True)
class Report:
    """What a plan did."""

    units: Mapping[str, tuple[int, int]]
    """Units before and after, of each changed layer."""
    parameters: tuple[int, int]
    """Number of parameters of the policy, targets included, before and after."""
    lagging: Mapping[str, float]
    """Largest weight by which a target still reads a removed unit, dead online."""


@dataclass(frozen=True)
class Edit:
    """A change of one stretch of one tensor."""

    slot: Slot
    change: Change

    def __call__(self, tensor: torch.Tensor, *, moment: bool = False) -> torch.Tensor:
        """Return the tensor with the stretch changed."""
        slot, change = self.slot, self.change
        size, stop = tensor.shape[slot.axis], slot.start + change.before
        head = tensor.narrow(slot.axis, 0, slot.start)
        middle = tensor.narrow(slot.axis, slot.start, change.before)
        tail = tensor.narrow(slot.axis, stop, size - stop)
        new = change.transform(middle, slot.axis, slot.side, moment=moment)
        if not moment:
            new = self._fill(new)
        if change.before == size:
            return new
        return torch.cat([head, new, tail], dim=slot.axis)

    def _fill(self, new: torch.Tensor) -> torch.Tensor:
        """Fill what no old unit feeds: drawn weights, neutral scales."""
        if self.slot.side is Side.ROWS and new.ndim > 1 and self.change.seeds:
            return new + self.change.drawn(new.shape[1]).to(new)
        fresh = self.change.rows.abs().sum(1) == 0
        if self.slot.side is Side.UNIT and bool(fresh.any()):
            neutral = 0.0 if self.slot.attribute.endswith(_ZERO) else 1.0
            return torch.where(fresh.to(new.device), torch.full_like(new, neutral), new)
        return new


def apply(model: BaseAlgorithm | nn.Module, plan: Mapping[str, Change]) -> Report:
    """Carry out a plan, in place.

    Online networks, targets and the state of every optimiser change together. Every
    check is made and every tensor computed before the first is put in place, so a plan
    that is refused leaves the model untouched, bit for bit. Tensors become new
    parameters: hooks on the old ones are gone.

    Args:
        model: A Stable-Baselines3 model, or its policy.
        plan: A change for each layer to change, e.g. a :class:`Plan`.

    Returns:
        Units and parameters before and after.

    Raises:
        UnknownNameError: The model has no such hidden layer.
        PlanError: A change is for another number of units, or mixes closed ones.
        NonFiniteError: A weight to change is NaN or infinite.
        UnsupportedPolicyError: The policy's networks are not known.
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    wiring = wire(policy)
    layers = {name: wiring[name] for name in plan}
    check_widths(layers, plan)
    _check_finite(layers)
    before = _count(policy)
    lagging = _lagging(layers, plan)
    carry_out(policy, plan)
    if isinstance(model, BaseAlgorithm):
        refresh_caches(model)
    units = {name: (change.before, change.after) for name, change in plan.items()}
    return Report(units, (before, _count(policy)), lagging)


def carry_out(policy: nn.Module, plan: Mapping[str, Change]) -> None:
    """Change a policy by a plan that was checked, or before its weights are loaded."""
    # In the order of the networks: folding goes from layer to layer.
    layers = {name: layer for name, layer in wire(policy).items() if name in plan}
    _commit(policy, *_prepare(policy, layers, plan))
    sync_dimensions(policy)


def check_widths(layers: Mapping[str, HiddenLayer], plan: Mapping[str, Change]) -> None:
    """Check that a plan was made for these layers.

    Raises:
        PlanError: A change is for another number of units, or mixes closed ones.
    """
    for name, layer in layers.items():
        if plan[name].before != layer.units:
            raise PlanError(
                f"The plan expects {plan[name].before} units in '{name}', "
                f"the network has {layer.units}: it was made for another network."
            )
        if plan[name].selection is None and not bool(layer.active.all()):
            raise PlanError(
                f"Units of '{name}' are closed: sb3_prune.surgery.remove_closed(model) "
                "before units are merged, added or redrawn."
            )


def _check_finite(layers: Mapping[str, HiddenLayer]) -> None:
    for name, layer in layers.items():
        for twin in layer.both():
            tensors = [getattr(slot.owner, slot.attribute) for slot in twin.slots()]
            if not all(bool(tensor.isfinite().all()) for tensor in tensors):
                raise NonFiniteError(f"Weights of '{name}' are NaN or infinite.")


State = dict[str, torch.Tensor]


@torch.no_grad()
def _prepare(
    policy: nn.Module, layers: Mapping[str, HiddenLayer], plan: Mapping[str, Change]
) -> tuple[dict[Key, torch.Tensor], dict[nn.Parameter, State]]:
    """Compute every new tensor and optimiser state; nothing is changed yet."""
    edits: dict[Key, list[Edit]] = defaultdict(list)
    tensors: dict[Key, torch.Tensor] = {}
    for name, layer in layers.items():
        for twin in layer.both():
            tensors |= fold(twin, plan[name], tensors)
            for slot in twin.slots():
                edits[slot.owner, slot.attribute].append(Edit(slot, plan[name]))
    states: dict[nn.Parameter, State] = {}
    stepping = list(optimizers(policy).values())
    for (owner, attribute), todo in edits.items():
        old = getattr(owner, attribute)
        # Columns first: drawn rows need the final number of inputs.
        todo.sort(key=lambda edit: (edit.slot.axis, edit.slot.start), reverse=True)
        new = tensors.get((owner, attribute), old.detach())
        tensors[owner, attribute] = _run(todo, new)
        for optimizer in stepping:
            if isinstance(old, nn.Parameter) and old in optimizer.state:
                states[old] = _moments(optimizer, old, todo)
    return tensors, states


def _moments(
    optimizer: torch.optim.Optimizer, parameter: nn.Parameter, edits: list[Edit]
) -> State:
    """Return the changed state of a parameter; scalars such as the step stay."""
    state = {k: v for k, v in optimizer.state[parameter].items() if torch.is_tensor(v)}
    odd = [k for k, v in state.items() if v.numel() > 1 and v.shape != parameter.shape]
    if odd:
        raise PlanError(
            f"{type(optimizer).__name__} keeps {', '.join(odd)} in another shape than "
            "the parameter; use an optimiser with state per weight, such as Adam."
        )
    return {
        key: _run(edits, value, moment=True)
        for key, value in state.items()
        if value.shape == parameter.shape
    }


def _run(
    edits: list[Edit], tensor: torch.Tensor, *, moment: bool = False
) -> torch.Tensor:
    for edit in edits:
        tensor = edit(tensor, moment=moment)
    return tensor


def _commit(
    policy: nn.Module,
    tensors: Mapping[Key, torch.Tensor],
    states: Mapping[nn.Parameter, State],
) -> None:
    """Put the new tensors in place; by now nothing can fail."""
    replaced: dict[nn.Parameter, nn.Parameter] = {}
    for (owner, attribute), tensor in tensors.items():
        old = getattr(owner, attribute)
        if isinstance(old, nn.Parameter):
            # A new Parameter: graphs that still hold the old one stay valid.
            replaced[old] = nn.Parameter(tensor, requires_grad=old.requires_grad)
            setattr(owner, attribute, replaced[old])
        else:
            setattr(owner, attribute, tensor)
    for optimizer in optimizers(policy).values():
        move_state(optimizer, replaced, states)


def _count(policy: nn.Module) -> int:
    named = policy.named_parameters()
    return sum(p.numel() for name, p in named if not name.endswith(".theta"))


def _lagging(
    layers: Mapping[str, HiddenLayer], plan: Mapping[str, Change]
) -> dict[str, float]:
    found = {}
    for name, layer in layers.items():
        gone = plan[name].removed
        if layer.target is None or not len(gone):
            continue
        dead = gone[~_alive(layer)[gone]]
        still = dead[_alive(layer.target)[dead]]
        if len(still):
            found[name] = float(layer.target.outgoing()[still].abs().max())
    return found


def _alive(layer: HiddenLayer) -> torch.Tensor:
    """Units that pass their gate and that something reads, bool, (K,)."""
    return layer.active & (layer.outgoing() != 0).any(dim=1).cpu()
