"""Execution: compute every tensor that a plan changes, then install them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import NonFiniteError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.dimensions import refresh_caches, sync_dimensions
from sb3_prune.surgery.edits import Edit, edits_of, run
from sb3_prune.surgery.flow.beside import modules_of
from sb3_prune.surgery.flow.slots import MASK
from sb3_prune.surgery.folding import Folding
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.holders import check_holders, check_ties
from sb3_prune.surgery.hooks import move_hooks
from sb3_prune.surgery.memory import follow_memory
from sb3_prune.surgery.optimizer import (
    check_followable,
    move_state,
    optimizers,
    state_of,
)
from sb3_prune.surgery.wiring import policy_of, wire
from sb3_prune.warning import warn


def carry_out(
    model: BaseAlgorithm | nn.Module,
    plan: Mapping[str, Change],
    *,
    folds: bool = True,
    follows: bool = True,
) -> Mapping[str, str]:
    """Carry out a plan. It was checked before, or weights are loaded afterwards.

    Args:
        model: A model, or a policy alone.
        plan: Changes by layer name.
        folds: Whether removed constant units are folded into biases.
        follows: Whether optimisers change, too, and whatever holds tensors that
            cannot be replaced is refused.

    Returns:
        Why constant units could not be folded, by layer.

    Raises:
        PlanError: An optimiser or an attribute holds tensors that cannot be replaced.
        NonFiniteError: A weight would become infinite.
    """
    policy = policy_of(model)
    found = [layer for name, layer in wire(policy).items() if name in plan]
    layers = sorted(found, key=lambda layer: layer.group.born)
    changed = [
        (twin, plan[layer.name]) for layer in layers for twin in layer.with_targets()
    ]
    folding = Folding(policy)
    for twin, change in changed:
        folding.shift(twin, change.shifts)
        if folds:
            folding.fold(twin, change)
    following = optimizers(model) if follows else {}
    tensors = new_tensors(layers, plan, folding)
    if follows and tensors:
        check_followable(model)
        check_holders(model, tensors)
        check_ties(policy, tensors)
    states = {n: _states(n, o, tensors) for n, o in following.items()}
    replaced = _put(model, {key: new for key, (_, new, _) in tensors.items()})
    for name, optimizer in following.items():
        move_state(optimizer, replaced, states[name])
    move_hooks(policy, replaced)
    now = [*replaced.values(), *(new for _, new, _ in tensors.values())]
    sync_dimensions(policy, changed, _holding(model, now))
    if isinstance(model, BaseAlgorithm):
        follow_memory(model, changed)
        refresh_caches(model)
    return folding.kept


Tensors = dict[int, tuple[torch.Tensor, torch.Tensor, list[Edit]]]
"""By the id of a tensor: the tensor, its replacement, and the edits that make it."""


@torch.no_grad()
def is_finite(tensor: torch.Tensor) -> bool:
    """Tell whether all entries are finite. If their sum is finite, all of them are."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


@torch.no_grad()
def new_tensors(
    layers: Sequence[HiddenLayer], plan: Mapping[str, Change], folding: Folding
) -> Tensors:
    """Compute every new tensor; the model is not changed yet."""
    folded = {id(old := getattr(*k)): (old, t) for k, t in folding.tensors.items()}
    made: Tensors = {key: (old, new, []) for key, (old, new) in folded.items()}
    for old, edits in edits_of(layers, plan):
        _, start = folded.get(id(old), (old, old.detach()))
        made[id(old)] = old, run(edits, start), edits
    _keep_masked(layers, made)
    for old, new, _ in made.values():
        # Tensors that were infinite before are not the fault of the plan.
        if not is_finite(new) and is_finite(old):
            raise NonFiniteError(
                f"A tensor of shape {tuple(old.shape)} would become infinite: rows or "
                "columns of the plan are too large for the weights."
            )
    return made


def _keep_masked(layers: Sequence[HiddenLayer], made: Tensors) -> None:
    """Set the weights to zero that are masked after all edits."""
    twins = [twin for layer in layers for twin in layer.with_targets()]
    for slot in (slot for twin in twins for slot in twin.slots()):
        if slot.attribute == MASK:
            weight = slot.owner.get_parameter("weight")
            _, mask, _ = made[id(slot.tensor)]
            old, new, edits = made[id(weight)]
            made[id(weight)] = old, new * mask, edits


@torch.no_grad()
def _states(
    name: str, optimizer: torch.optim.Optimizer, tensors: Tensors
) -> dict[nn.Parameter, dict[str, torch.Tensor]]:
    """Compute the new state of an optimiser; scalars such as the step count stay."""
    return {
        old: {
            key: run(edits, moment, moment=True)
            for key, moment in state_of(name, optimizer, old).items()
        }
        for old, _, edits in tensors.values()
        if isinstance(old, nn.Parameter) and old in optimizer.state
    }


def _holding(
    model: BaseAlgorithm | nn.Module, tensors: Sequence[torch.Tensor]
) -> list[nn.Module]:
    """Return the modules that hold some tensors, also those beside the policy."""
    ids, found = set(map(id, tensors)), []
    for module in modules_of(model):
        held = (*module._parameters.values(), *module._buffers.values())
        if any(id(tensor) in ids for tensor in held):
            found.append(module)
    return found


def _share(model: BaseAlgorithm | nn.Module, tensors: Mapping[int, Any]) -> None:
    """Put new tensors into shared memory where the old ones are; warn of it."""
    held = [p for module in modules_of(model) for p in module.parameters(recurse=False)]
    on_cpu: list[Any] = [p for p in held if p.device.type == "cpu"]
    shared = [p for p in on_cpu if p.is_shared()]
    for old in shared:
        if id(old) in tensors:
            tensors[id(old)].share_memory_()
    if any(id(old) in tensors for old in shared):
        warn(
            "Weights that change lie in memory that processes share. Other processes "
            "that hold them keep the old ones: give them the agent anew."
        )


def _put(
    model: BaseAlgorithm | nn.Module, tensors: Mapping[int, torch.Tensor]
) -> dict[nn.Parameter, nn.Parameter]:
    """Install new tensors in every module that holds an old one.

    Returns the new parameter of each old parameter.
    """
    replaced: dict[nn.Parameter, nn.Parameter] = {}
    _share(model, tensors)
    for module in modules_of(model):
        for parts in (module._parameters, module._buffers):
            for name, old in list(parts.items()):
                if old is None or id(old) not in tensors:
                    continue
                new = tensors[id(old)]
                if isinstance(old, nn.Parameter):
                    # A new Parameter: autograd graphs with the old one stay valid.
                    if old not in replaced:
                        replaced[old] = nn.Parameter(new, old.requires_grad)
                        vars(replaced[old]).update(vars(old))  # The user's attributes.
                    new = replaced[old]
                setattr(module, name, new)
    return replaced
