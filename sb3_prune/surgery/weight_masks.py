r"""Weight masks: single weights that are zero, and stay so while training goes on.

A plan knows units only. The mask of single weights is a buffer beside the weight:

.. math:: W \leftarrow W \odot M, \quad
    \nabla_W C \leftarrow \nabla_W C \odot M, \quad M_{ij} \in \{0, 1\}

A masked weight gets no gradient and has no moments, so no optimiser of torch moves it.
Target networks have the same masks. A policy without masked weights holds no mask: it
has the stock keys, and trains bit-equal to the stock policy. Cuts of units select rows
and columns of masks as well. When all weights that feed or read a unit are masked, the
unit itself can go (:func:`remove_silent`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from sb3_contrib.trpo.trpo import TRPO
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn
from torch.nn.utils import parametrize

from sb3_prune.exceptions import PlanError, UnknownNameError, UnsupportedPolicyError
from sb3_prune.surgery.change import require_real
from sb3_prune.surgery.elementary import remove
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.flow.slots import MASK, Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.open_weights import between_open
from sb3_prune.surgery.optimizer import check_followable, optimizers, state_of
from sb3_prune.surgery.report import Report
from sb3_prune.surgery.surgeon import apply
from sb3_prune.surgery.targets import target_networks
from sb3_prune.surgery.wiring import Wiring, owner_of, policy_of, wire

Maskable = nn.Linear | nn.modules.conv._ConvNd
"""Modules whose weight can have a mask."""


class Held:
    """A hook on a weight: what is masked gets no gradient.

    Args:
        module: The module of the weight, which holds the mask.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient, with zeros at masked weights."""
        mask = getattr(self.module, MASK, None)
        return gradient if mask is None else gradient * mask


def hold(module: nn.Module, args: object = ()) -> None:
    """Hook the weight of a module, unless it is hooked. Runs before every forward.

    A copied module has a copied weight, which has lost the hook of the original.
    """
    weight: Any = module.weight
    if weight.requires_grad:
        hooks = (weight._backward_hooks or {}).values()
        if not any(isinstance(getattr(h, "hook", h), Held) for h in hooks):
            weight.register_hook(Held(module))


def masks_of(model: BaseAlgorithm | nn.Module) -> dict[str, torch.Tensor]:
    """Return the masks of a policy, by the path of the module: 1 where a weight stays.

    Masks of target networks are included.
    """
    named = policy_of(model).named_modules()
    return {path: m.get_buffer(MASK) for path, m in named if is_masked(m)}


def is_masked(module: nn.Module) -> bool:
    """Tell whether some weights of a module are masked."""
    return getattr(module, MASK, None) is not None


def present(module: Any) -> torch.Tensor:
    """Return which weights of a module are not masked, bool."""
    mask = module._buffers.get(MASK)
    everything = torch.ones_like(module.weight, dtype=torch.bool)
    return everything if mask is None else mask != 0


@usual_modes()
@torch.no_grad()
def mask_weights(
    model: BaseAlgorithm | nn.Module, masks: Mapping[str, torch.Tensor]
) -> None:
    """Set single weights to zero for good, in online and target networks.

    Weights that were masked before stay masked. If masks are refused, nothing changes.

    Args:
        model: A model or policy of a masked class (``sb3_prune.adopt`` makes it one).
        masks: True where a weight stays, in the shape of the weight, by the path of a
            Linear or a convolution: ``mlp_extractor.policy_net.0``. Modules of target
            networks follow those of their online networks.

    Raises:
        UnsupportedPolicyError: The policy cannot save masks; or the algorithm is TRPO,
            whose steps begin with random ones along every weight.
        UnknownNameError: The policy has no such module, or it can have no mask.
        PlanError: A mask has another shape, or is not made of zeros and ones; or an
            optimiser keeps a state that is not one per weight.
    """
    model = owner_of(model)
    policy = policy_of(model)
    if not getattr(policy, "keeps_weight_masks", False):
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} cannot save masks of weights: use a "
            "Masked...Policy, or call sb3_prune.adopt(model) first."
        )
    if isinstance(model, TRPO):
        raise UnsupportedPolicyError(
            "TRPO cannot keep masked weights at zero: the search for its steps begins "
            "with a random one along every weight. Remove units instead."
        )
    if not isinstance(masks, Mapping):
        raise PlanError(f"masks map paths of modules to tensors, got {masks!r}.")
    found = maskable(policy)
    for path, mask in masks.items():
        if path not in found:
            raise UnknownNameError("module with a weight to mask", path, found)
        _check(path, found[path].weight, mask)
    paired = [(found[n], mask) for p, mask in masks.items() for n in _twins(policy, p)]
    check_followable(model)
    moments = [
        (module, moment)
        for module, _ in paired
        for name, optimizer in optimizers(model).items()
        for moment in state_of(name, optimizer, module.weight).values()
    ]
    for module, mask in paired:
        _put(module, mask)
    for module, moment in moments:
        moment.mul_(module.get_buffer(MASK))


def maskable(policy: nn.Module) -> dict[str, Any]:
    """Return the modules that can have a mask, by path."""
    users: dict[int, set[nn.Module]] = {}
    for module in policy.modules():
        for tensor in filter(torch.is_tensor, module._parameters.values()):
            users.setdefault(id(tensor), set()).add(module)
    return {
        path: module
        for path, module in policy.named_modules(remove_duplicate=False)
        if isinstance(module, Maskable) and not parametrize.is_parametrized(module)
        if len(users.get(id(module._parameters.get("weight")), ())) == 1
    }


def unmasked(policy: nn.Module) -> int:
    """Return the number of weights that are not masked, of modules that can be."""
    return sum(int(present(module).sum()) for module in maskable(policy).values())


def _check(path: str, weight: torch.Tensor, mask: torch.Tensor) -> None:
    require_real(f"The mask of '{path}'", mask)
    if mask.shape != weight.shape:
        raise PlanError(
            f"The mask of '{path}' must be a tensor of shape {tuple(weight.shape)}, "
            f"got {tuple(mask.shape)}."
        )
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise PlanError(f"The mask of '{path}' must be made of zeros and ones.")


def _twins(policy: nn.Module, path: str) -> list[str]:
    """Return the path of a module, and its paths in target networks."""
    found, targets = [path], target_networks(policy)
    module = policy.get_submodule(path)
    # A module that networks share has several paths, of which some have targets.
    for other, same in policy.named_modules(remove_duplicate=False):
        network, _, rest = other.partition(".")
        if same is module:
            found += [f"{target}.{rest}" for target in targets.get(network, ())]
    return found


def _put(module: Any, mask: torch.Tensor) -> None:
    """Give a module a mask, on top of the one that it has."""
    new = mask.to(module.weight)
    if is_masked(module):
        new = new * module.get_buffer(MASK)
    module.register_buffer(MASK, new.clone())
    # In place: target networks and optimisers know this parameter.
    module.weight.mul_(new)
    if module.weight.grad is not None:
        module.weight.grad.mul_(new)
    if hold not in module._forward_pre_hooks.values():
        module.register_forward_pre_hook(hold)
    hold(module)


def load_masks(policy: nn.Module, state_dict: Mapping[str, Any]) -> None:
    """Give a policy the masks of saved weights, before these are loaded.

    Weights that are saved without a mask have none; what is not saved stays as it is.

    Args:
        policy: The policy, whose layers have the saved widths already.
        state_dict: The saved tensors.
    """
    for path, module in policy.named_modules():
        key = f"{path}.".lstrip(".")
        saved = state_dict.get(f"{key}{MASK}")
        if is_masked(module) and f"{key}weight" in state_dict:
            module._buffers.pop(MASK)
        if isinstance(saved, torch.Tensor) and isinstance(module, Maskable):
            with torch.no_grad():
                _put(module, saved)


def forget_masks(policy: nn.Module) -> None:
    """Drop all masks: weights that are zero stay as they are, but may learn again."""
    for module in policy.modules():
        module._buffers.pop(MASK, None)


def silent_units(wiring: Wiring, *, closed: bool = False) -> dict[str, list[int]]:
    """Return the units of each layer that only masked weights feed, or only such read.

    A weight from or to a silent unit counts as masked. A unit that nothing feeds is
    constant; it counts only if biases can take over what it says. Units that gSDE's
    noise reads are not silent. Every layer keeps at least one unit.

    Args:
        wiring: The hidden layers of the agent.
        closed: Whether a weight from or to a unit with a closed gate is masked, too, as
            if the unit were gone.
    """
    slots = [slot for layer in wiring.values() for slot in layer.group.slots]
    weights = [slot.owner for slot in slots if slot.attribute == "weight"]
    masks = {owner: present(owner) for owner in weights}
    if closed:
        masks = {o: mask & between_open(o, wiring) for o, mask in masks.items()}
    found: dict[str, list[int]] = {}
    while True:
        before = dict(found)
        for name, layer in wiring.items():
            silent = _silent(layer, masks).nonzero().flatten().tolist()
            found[name] = silent[: layer.units - 1]
            for slot in layer.group.slots:
                if slot.attribute == "weight":
                    slot.units(masks[slot.owner], layer.units)[found[name]] = False
        if found == before:
            return {name: gone for name, gone in found.items() if gone}


def _silent(layer: HiddenLayer, masks: Mapping[nn.Module, torch.Tensor]) -> Any:
    """Tell which units are silent, bool, (K,)."""
    silent = torch.zeros(layer.units, dtype=torch.bool)
    noisy = any(slot.side is Side.NOISE for slot in layer.readers)
    if layer.mixes or layer.group.two_sided or noisy:
        return silent
    silent |= _all_masked(layer, Side.COLUMNS, masks)
    if all(twin.unshiftable is None for twin in layer.with_targets()):
        silent |= _all_masked(layer, Side.ROWS, masks)
    return silent


def _all_masked(
    layer: HiddenLayer, side: Side, masks: Mapping[nn.Module, torch.Tensor]
) -> torch.Tensor:
    """Tell for which units all weights of a side are masked, bool, (K,)."""
    silent = torch.ones(layer.units, dtype=torch.bool)
    for slot in layer.weights(side):
        if slot.attribute != "weight":
            return torch.zeros_like(silent)
        units = slot.units(masks[slot.owner], layer.units)
        silent &= ~units.flatten(1).any(1).cpu()
    return silent


def remove_silent(model: BaseAlgorithm | nn.Module) -> Report:
    """Remove the units that only masked weights feed or read.

    Outputs stay equal: biases take over what constant units say. Units that gSDE's
    noise reads stay, because they are a part of the exploration.
    """
    wiring = wire(model)
    units = wiring.units()
    silent = silent_units(wiring)
    return apply(model, {n: remove(gone, units[n]) for n, gone in silent.items()})
