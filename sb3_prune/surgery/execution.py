"""Execution: compute every tensor that a plan changes, then put all in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.exceptions import NonFiniteError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.dimensions import refresh_caches, sync_dimensions
from sb3_prune.surgery.edits import Edit, edits_of, run
from sb3_prune.surgery.folding import Folding
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.holders import check_holders, check_ties
from sb3_prune.surgery.memory import follow_memory
from sb3_prune.surgery.optimizer import (
    check_followable,
    move_state,
    optimizers,
    state_of,
)
from sb3_prune.surgery.wiring import wire


def carry_out(
    model: BaseAlgorithm | nn.Module,
    plan: Mapping[str, Change],
    *,
    folds: bool = True,
    follows: bool = True,
) -> Mapping[str, str]:
    """Change a model by a plan that was checked, or before its weights are loaded.

    Args:
        model: A model, or a policy alone.
        plan: A change for each layer to change.
        folds: Whether what removed constant units say moves into biases.
        follows: Whether the optimisers follow, and what cannot follow is refused.

    Returns:
        Why it could not, by layer.

    Raises:
        PlanError: An optimiser or an attribute holds tensors and cannot follow.
        NonFiniteError: A weight would become infinite.
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    found = [layer for name, layer in wire(policy).items() if name in plan]
    layers = sorted(found, key=lambda layer: layer.group.born)
    changed = [
        (twin, plan[layer.name]) for layer in layers for twin in layer.with_targets()
    ]
    folding = Folding(policy)
    for twin, change in changed if folds else ():
        folding.fold(twin, change)
    following = optimizers(model) if follows else {}
    tensors = _tensors(layers, plan, folding)
    if follows and tensors:
        check_followable(model)
        check_holders(model, tensors)
        check_ties(policy, tensors)
    states = {n: _states(n, o, tensors) for n, o in following.items()}
    replaced = _put(model, {key: new for key, (_, new, _) in tensors.items()})
    for name, optimizer in following.items():
        move_state(optimizer, replaced, states[name])
    sync_dimensions(policy, changed)
    if isinstance(model, BaseAlgorithm):
        follow_memory(model, changed)
        refresh_caches(model)
    return folding.kept


Tensors = dict[int, tuple[torch.Tensor, torch.Tensor, list[Edit]]]
"""Id of a tensor -> the tensor, what replaces it, and by which edits."""


@torch.no_grad()
def is_finite(tensor: torch.Tensor) -> bool:
    """Tell whether all entries are finite; their sum tells fast that they are."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


@torch.no_grad()
def _tensors(
    layers: Sequence[HiddenLayer], plan: Mapping[str, Change], folding: Folding
) -> Tensors:
    """Compute every new tensor; nothing is changed yet."""
    folded = {id(old := getattr(*k)): (old, t) for k, t in folding.tensors.items()}
    made: Tensors = {key: (old, new, []) for key, (old, new) in folded.items()}
    for old, edits in edits_of(layers, plan):
        _, start = folded.get(id(old), (old, old.detach()))
        made[id(old)] = old, run(edits, start), edits
    for old, new, _ in made.values():
        # gSDE's noise and masks aside, what was finite stays finite.
        if not is_finite(new) and is_finite(old):
            raise NonFiniteError(
                f"A tensor of shape {tuple(old.shape)} would become infinite: the "
                "plan's rows or columns are too large for its weights."
            )
    return made


@torch.no_grad()
def _states(
    name: str, optimizer: torch.optim.Optimizer, tensors: Tensors
) -> dict[nn.Parameter, dict[str, torch.Tensor]]:
    """Compute the new state of an optimiser; scalars such as the step stay."""
    return {
        old: {
            key: run(edits, moment, moment=True)
            for key, moment in state_of(name, optimizer, old).items()
        }
        for old, _, edits in tensors.values()
        if isinstance(old, nn.Parameter) and old in optimizer.state
    }


def _put(
    model: BaseAlgorithm | nn.Module, tensors: Mapping[int, torch.Tensor]
) -> dict[nn.Parameter, nn.Parameter]:
    """Put new tensors in the place of old ones, wherever these are held."""
    replaced: dict[nn.Parameter, nn.Parameter] = {}
    for module in _modules(model):
        for parts in (module._parameters, module._buffers):
            for name, old in list(parts.items()):
                if old is None or id(old) not in tensors:
                    continue
                new = tensors[id(old)]
                if isinstance(old, nn.Parameter):
                    # A new Parameter: graphs that still hold the old one stay valid.
                    if old not in replaced:
                        replaced[old] = nn.Parameter(new, old.requires_grad)
                        vars(replaced[old]).update(vars(old))  # Marks of the user.
                    new = replaced[old]
                setattr(module, name, new)
    return replaced


def _modules(model: BaseAlgorithm | nn.Module) -> list[nn.Module]:
    """Return every module of a policy, and those beside it that share its weights."""
    if isinstance(model, nn.Module):
        return list(model.modules())
    held = [v for v in vars(model).values() if isinstance(v, nn.Module)]
    return list(dict.fromkeys(m for module in held for m in module.modules()))
