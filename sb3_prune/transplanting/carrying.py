"""Carrying: fill a new agent with the tensors and optimiser states of an old one."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.edits import Edit, edits_of, run
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.optimizer import optimizers, state_of
from sb3_prune.transplanting.planning import TransplantPlan

SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum")
"""Moments of an optimiser by which it divides its steps."""
KEEPING = ("amsgrad", "centered", "momentum")
"""Settings of an optimiser that tell which moments it keeps."""


@dataclass(frozen=True)
class Carried:
    """What became of a tensor."""

    carried: int
    """Number of its entries that are those of the old agent."""
    new: int
    """Number of its entries that the old agent does not have."""
    dropped: int
    """Number of entries of the old agent that are gone."""


@torch.no_grad()
def carry(
    old: BaseAlgorithm,
    new: BaseAlgorithm,
    plan: TransplantPlan,
    shifts: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> dict[str, Carried]:
    """Fill an untrained agent with what an old one has learnt.

    New inputs have weights of 0, and so have all weights that read new units: what the
    agent says stays the same. Weights into new units, and those of new outputs, stay
    drawn. Moments of new weights are 0, but squares by which steps are divided are the
    mean of those of carried ones: with a step count that is not theirs, zeros would
    make their first step several times too large.

    Args:
        old: The old agent; it stays as it is.
        new: The untrained agent.
        plan: What becomes of the tensors.
        shifts: What is added to biases of the old agent first, by path.

    Returns:
        For every tensor what became of it, by its path in the policy.

    Raises:
        TransplantError: A tensor would have another shape than the new agent's.
    """
    edits = edits_by_tensor(plan.layers, plan.changes)
    places = _places(old, new, plan)
    whole = {moved_path(p, places): tensor for p, tensor in tensors(old.policy).items()}
    is_alone = plan.observations.is_alone
    ours = {path: tensor for path, tensor in whole.items() if not is_alone(path)}
    theirs = tensors(new.policy)
    _check_paths(ours, theirs, new.policy, plan)
    found = carry_tensors(ours, theirs, edits, shifts)
    for each in plan.deeper:
        each.pass_on()
    _carry_states(old, new, edits, places)
    _carry_variables(old, new)
    gone = {path: Carried(0, 0, whole[path].numel()) for path in whole.keys() - ours}
    alone = theirs.keys() - found.keys()
    made_new = {path: Carried(0, theirs[path].numel(), 0) for path in alone}
    return found | gone | made_new


def edits_by_tensor(
    layers: Iterable[HiddenLayer], changes: Mapping[str, Change]
) -> dict[int, list[Edit]]:
    """Return the edits of each tensor by its id.

    Args:
        layers: The layers that change.
        changes: What becomes of them, by name.
    """
    return {id(tensor): own for tensor, own in edits_of(layers, changes)}


@torch.no_grad()
def carry_tensors(
    ours: Mapping[str, torch.Tensor],
    theirs: Mapping[str, torch.Tensor],
    edits: Mapping[int, Sequence[Edit]],
    shifts: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> dict[str, Carried]:
    """Write the tensors of an old network into an untrained one.

    Args:
        ours: The old tensors by their paths in the new network; they stay as they are.
        theirs: The new ones, among them all of these paths.
        edits: What becomes of old tensors, by their ids.
        shifts: What is added to old biases first, by path.

    Returns:
        What became of each old tensor, by path.

    Raises:
        TransplantError: A tensor would have another shape than the new one's; nothing
            was changed.
    """
    own = {path: edits.get(id(tensor), []) for path, tensor in ours.items()}
    made = {
        path: _new(_shifted(tensor, shifts.get(path)), theirs[path], own[path])
        for path, tensor in ours.items()
    }
    for path, tensor in made.items():
        if tensor.shape != theirs[path].shape:
            raise TransplantError(
                f"'{path}' would have the shape {tuple(tensor.shape)}, but has "
                f"{tuple(theirs[path].shape)} in the new network."
            )
    for path, tensor in made.items():
        theirs[path].copy_(tensor)
    return {path: _counted(t, theirs[path], own[path]) for path, t in ours.items()}


def tensors(policy: nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers of a policy by path."""
    return {**dict(policy.named_parameters()), **dict(policy.named_buffers())}


def _places(
    old: BaseAlgorithm, new: BaseAlgorithm, plan: TransplantPlan
) -> dict[str, str]:
    """Return the paths of modules that are elsewhere in the new policy."""
    pairs = (each.paths(old.policy, new.policy) for each in plan.deeper)
    return {one: other for pair in pairs for one, other in pair}


def moved_path(path: str, places: Mapping[str, str]) -> str:
    """Return the path of a tensor in the new network.

    Args:
        path: Its path in the old one.
        places: Paths of modules that are elsewhere there.
    """
    owner, _, attribute = path.rpartition(".")
    return f"{places.get(owner, owner)}.{attribute}".lstrip(".")


def _check_paths(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    policy: nn.Module,
    plan: TransplantPlan,
) -> None:
    inserted = [layer for each in plan.deeper for layer in each.inserted]
    paths = {module: path for path, module in policy.named_modules()}
    fresh = {f"{paths[m]}.{n}" for m in inserted for n, _ in m.named_parameters()}
    fresh |= {path for path in theirs if plan.observations.is_alone(path)}
    if alone := sorted(ours.keys() ^ (theirs.keys() - fresh)):
        raise TransplantError(f"Only one of the agents has the tensors {alone}.")


def _new(
    tensor: torch.Tensor, fresh: torch.Tensor, edits: Sequence[Edit]
) -> torch.Tensor:
    """Return the tensor after all edits, with fresh weights into new units."""
    found = run(edits, tensor.detach())
    reading = (Side.COLUMNS, Side.NOISE)  # A new unit brings (almost) no noise.
    making = [edit for edit in edits if edit.slot.side not in reading]
    if not making or found.shape != fresh.shape:
        return found
    drawn = fresh.detach().to(found)
    return torch.where(known(tensor, edits, making), found, drawn)


def known(
    tensor: torch.Tensor, edits: Sequence[Edit], making: Sequence[Edit]
) -> torch.Tensor:
    """Tell which entries of the edited tensor lie in rows that some edits carry."""
    ones = torch.ones_like(tensor, dtype=torch.float32)
    for edit in edits:
        if edit in making:
            ones = edit(ones, moment=True)
        else:  # New columns belong to the row that they are in.
            change = edit.change
            size = change.after - change.before
            shape = list(ones.shape)
            shape[edit.slot.axis] += size * edit.slot.block
            row = ones.amax(edit.slot.axis, keepdim=True)
            ones = row.expand(shape).clone()
    return ones > 0


def _shifted(tensor: torch.Tensor, shift: torch.Tensor | None) -> torch.Tensor:
    return tensor if shift is None else tensor + shift


def _counted(old: torch.Tensor, new: torch.Tensor, edits: Sequence[Edit]) -> Carried:
    kept = run(edits, torch.ones_like(old, dtype=torch.float32), moment=True)
    carried = int((kept > 0).sum())
    return Carried(carried, new.numel() - carried, max(0, old.numel() - carried))


def _carry_states(
    old: BaseAlgorithm,
    new: BaseAlgorithm,
    edits: Mapping[int, Sequence[Edit]],
    places: Mapping[str, str],
) -> None:
    """Give the optimisers of the new agent the states of those of the old one."""
    named = old.policy.named_parameters()
    paths = {id(p): moved_path(path, places) for path, p in named}
    parameters = dict(new.policy.named_parameters())
    theirs = optimizers(new)
    for name, optimizer in optimizers(old).items():
        for parameter, state in optimizer.state.items():
            path = paths.get(id(parameter))
            if path is None or not _fits(optimizer, theirs.get(name)):
                continue
            if path not in parameters:  # A key that is not observed any more.
                continue
            assert isinstance(parameter, nn.Parameter)
            moments = state_of(name, optimizer, parameter)
            own = edits.get(id(parameter), ())
            theirs[name].state[parameters[path]] = {
                key: _moment(key, moments[key], own) if key in moments else _copied(v)
                for key, v in state.items()
            }


def _moment(key: str, moment: torch.Tensor, edits: Sequence[Edit]) -> torch.Tensor:
    found = run(edits, moment, moment=True).clone()
    kept = run(edits, torch.ones_like(moment), moment=True) > 0
    if key in SQUARES and bool(kept.any()):
        found[~kept] = found[kept].mean()
    return found


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _carry_variables(old: BaseAlgorithm, new: BaseAlgorithm) -> None:
    """Carry what the model itself learns: the entropy coefficient, and its moments.

    A coefficient that is not learnt is a hyperparameter of the new agent.
    """
    networks, variables = old._get_torch_save_params()
    for name in variables:
        value, known = getattr(old, name), getattr(new, name, None)
        if known is not None and value.requires_grad:
            known.data.copy_(value.data)
    for name in networks:
        mine: Any = getattr(old, name, None)
        place: Any = getattr(new, name, None)
        if isinstance(mine, torch.optim.Optimizer) and _fits(mine, place):
            # load_state_dict() copies no tensors.
            moments = copy.deepcopy(mine.state_dict()["state"])
            place.load_state_dict({**place.state_dict(), "state": moments})


def _fits(old: torch.optim.Optimizer, new: Any) -> bool:
    """Tell whether an optimiser of the new agent can go on with an old one's states."""
    if type(old) is not type(new):
        return False
    ours, theirs = old.param_groups[0], new.param_groups[0]
    return all(bool(ours.get(k)) == bool(theirs.get(k)) for k in KEEPING)


def left_states(old: BaseAlgorithm, new: BaseAlgorithm) -> tuple[str, ...]:
    """Return which optimisers begin anew, one sentence each.

    Args:
        old: The old agent.
        new: The new one.
    """
    theirs = optimizers(new)
    return tuple(
        f"The moments of '{name}' ({type(optimizer).__name__}) stay behind."
        for name, optimizer in optimizers(old).items()
        if optimizer.state and not _fits(optimizer, theirs.get(name))
    )
