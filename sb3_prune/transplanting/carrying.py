"""Carrying: fill a new agent with the tensors and optimiser states of an old one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.edits import Edit, edits_of, run
from sb3_prune.surgery.flow.slots import MASK, Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.weight_masks import load_masks
from sb3_prune.transplanting.matching import Routes, routes_of
from sb3_prune.transplanting.moments import carry_moments
from sb3_prune.transplanting.planning import TransplantPlan
from sb3_prune.transplanting.variables import carry_variables


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
    shifts: Mapping[str, torch.Tensor],
    fitted: Mapping[int, torch.Tensor],
) -> dict[str, Carried]:
    """Fill an untrained agent with what an old one has learnt.

    New inputs have weights of 0, and so have all weights that read new units: what the
    agent says stays the same. Weights into new units, and those of new outputs, stay
    drawn.

    Args:
        old: The old agent; it stays as it is.
        new: The untrained agent.
        plan: What becomes of the tensors.
        shifts: What is added to biases of the old agent first, by path.
        fitted: By the id of a tensor of the old agent, what takes its place. It has no
            moments.

    Returns:
        For every tensor what became of it, by its path in the new policy; for those of
        layers, critics and keys that are gone, by the old path and "(gone)".

    Raises:
        TransplantError: A tensor would have another shape than the new agent's.
    """
    edits = edits_by_tensor(plan.layers, plan.changes)
    before, theirs = tensors(old.policy), tensors(new.policy)
    places = _places(old, new, plan)
    sources = {new: before[path] for path, news in places.items() for new in news}
    masks = {p: run(edits.get(id(t), ()), t) for p, t in sources.items() if _is_mask(p)}
    weights = {path: t for path, t in sources.items() if path not in masks}
    _check_paths(weights, theirs, new.policy, plan)
    shifted = {id(before[p]): before[p] + shift for p, shift in shifts.items()}
    made = _make(weights, theirs, edits, {**shifted, **fitted})
    for path, tensor in made.items():
        theirs[path].copy_(tensor)
        if is_frozen(weights[path]):
            theirs[path].requires_grad_(False)
    load_masks(new.policy, masks)
    for each in plan.deeper:
        each.pass_on()
    paths: dict[int, str] = {}
    for path, tensor in weights.items():
        if id(tensor) not in fitted:
            paths.setdefault(id(tensor), path)  # Copies have no moments.
    scales = dict(pair for each in plan.deeper for pair in each.scales(new.policy))
    carry_moments(old, new, edits, paths, scales)
    carry_variables(old, new)
    gone = {path: before[path].numel() for path, news in places.items() if not news}
    return _count(sources, new.policy, edits, fitted) | {
        f"{path} (gone)": Carried(0, 0, size) for path, size in gone.items()
    }


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
) -> dict[str, Carried]:
    """Write the tensors of an old network into an untrained one.

    Args:
        ours: The old tensors by their paths in the new network; they stay as they are.
        theirs: The new ones, among them all of these paths.
        edits: What becomes of old tensors, by their ids.

    Returns:
        What became of each old tensor, by path.

    Raises:
        TransplantError: A tensor would have another shape than the new one's; nothing
            was changed.
    """
    for path, tensor in _make(ours, theirs, edits).items():
        theirs[path].copy_(tensor)
    return {p: _counted(t, theirs[p], edits.get(id(t), ())) for p, t in ours.items()}


def tensors(policy: nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers of a policy by path."""
    return {**dict(policy.named_parameters()), **dict(policy.named_buffers())}


def is_frozen(tensor: torch.Tensor) -> bool:
    """Tell whether a parameter is kept from learning; buffers never learn.

    Args:
        tensor: A tensor of a policy.
    """
    return isinstance(tensor, nn.Parameter) and not tensor.requires_grad


def _places(
    old: BaseAlgorithm, new: BaseAlgorithm, plan: TransplantPlan
) -> dict[str, list[str]]:
    """Return where each tensor of the old policy is in the new one, by its path."""
    routes = routes_of(old.policy, new.policy)
    gone = plan.observations.is_alone
    return {p: [] if gone(p) else _routed(p, routes) for p in tensors(old.policy)}


def _routed(path: str, routes: Routes) -> list[str]:
    owner, _, attribute = path.rpartition(".")
    return [f"{new}.{attribute}".lstrip(".") for new in routes.get(owner, [owner])]


def _is_mask(path: str) -> bool:
    return path.rpartition(".")[2] == MASK


def _make(
    ours: Mapping[str, torch.Tensor],
    theirs: Mapping[str, torch.Tensor],
    edits: Mapping[int, Sequence[Edit]],
    instead: Mapping[int, torch.Tensor] = MappingProxyType({}),
) -> dict[str, torch.Tensor]:
    """Return the tensors of the new network by path; some stand for old ones."""
    made = {
        path: _new(instead.get(id(t), t), theirs[path], edits.get(id(t), ()))
        for path, t in ours.items()
    }
    for path, tensor in made.items():
        if tensor.shape != theirs[path].shape:
            raise TransplantError(
                f"'{path}' would have the shape {tuple(tensor.shape)}, but has "
                f"{tuple(theirs[path].shape)} in the new network."
            )
    return made


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


def _count(
    sources: Mapping[str, torch.Tensor],
    policy: nn.Module,
    edits: Mapping[int, Sequence[Edit]],
    fitted: Mapping[int, torch.Tensor],
) -> dict[str, Carried]:
    """Return what became of each tensor of the new policy."""
    theirs = tensors(policy)
    found = {path: Carried(0, tensor.numel(), 0) for path, tensor in theirs.items()}
    for path, old in sources.items():
        if id(old) in fitted:
            found[path] = Carried(0, theirs[path].numel(), old.numel())
        else:
            found[path] = _counted(old, theirs[path], edits.get(id(old), ()))
    return found


def _counted(old: torch.Tensor, new: torch.Tensor, edits: Sequence[Edit]) -> Carried:
    numbers = torch.arange(1, old.numel() + 1, dtype=torch.float64, device=old.device)
    # Without its name, a mask is not opened for new units.
    plain = [replace(e, slot=replace(e.slot, attribute="")) for e in edits]
    placed = run(plain, numbers.reshape(old.shape), moment=True)
    kept = placed[placed > 0]
    dropped = old.numel() - len(torch.unique(kept))  # An entry may be carried twice.
    return Carried(kept.numel(), new.numel() - kept.numel(), dropped)
