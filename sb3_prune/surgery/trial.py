"""Trial: cut a copy first, if a policy has modules that the package does not know.

A trace relies on its rules; a trial checks what the rules led to. On a copy of the
policy, random units of each layer are made dead: all weights that feed or read them are
set to zero, and their noise with them. Then these units are removed, and every output
must stay as it was. Modules that nobody knows may run other code in training mode, so
their training is tried, too (:class:`.Rehearsal`). Code that runs only later, after so
many steps, say, is not seen.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, cycle
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import Gate
from sb3_prune.surgery.change import NO_NOISE, Change
from sb3_prune.surgery.comparison import moved, outputs
from sb3_prune.surgery.elementary import remove
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.flow.compiled import rebind
from sb3_prune.surgery.flow.known import is_known
from sb3_prune.surgery.flow.slots import MASK, Side
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer
from sb3_prune.surgery.rehearsal import Rehearsal
from sb3_prune.surgery.stand_in import StandIn
from sb3_prune.surgery.tried import tried_layers
from sb3_prune.surgery.wiring import wire

TOLERANCE = 2e-5
"""How far an output may move (see :func:`.moved`)."""
ROUNDING = 1e-3
"""How far rounding in float32 may move it, at most."""
SHARES = (2, 10**9, 3)
"""Layers lose, in turn, a half, one unit and a third of their units. Code that assumes
a fixed share of a width must fail for one of them."""


def require_trial(policy: nn.Module, names: Collection[str]) -> None:
    """Try the layers that a plan changes, if they need a trial and had none yet.

    Args:
        policy: The policy; it stays as it is.
        names: Names of the layers.

    Raises:
        UnsupportedPolicyError: The trial fails; the message names a layer and why.
    """
    wiring = wire(policy)
    tried = tried_layers(policy)
    known = is_known(policy)
    todo = [
        layer
        for name, layer in wiring.items()
        if name in names and name not in tried
        if layer.group.soft or not known
    ]
    if not todo:
        return
    refuted = refute(policy, todo)
    if refuted:
        name, why = next(iter(refuted.items()))
        raise UnsupportedPolicyError(
            f"A trial cut refuses '{name}' of {type(policy).__name__}: {why}. Some "
            "code of the policy depends on the number of these units. Nothing was "
            "changed. Exclude the layer by the option networks, or let that code read "
            "sizes from the shapes of its tensors."
        )
    tried |= {layer.name for layer in todo}


def refute(policy: nn.Module, layers: Iterable[HiddenLayer]) -> dict[str, str]:
    """Return why layers cannot lose units, by name; empty if all can.

    The layers are tried together, and one by one if that fails. Layers whose units are
    indexed literally (:attr:`.Group.soft`) are always tried alone as well: code that
    halves a width may go wrong only if one of the halves loses units.

    Args:
        policy: The policy; it stays as it is.
        layers: Layers of its wiring.
    """
    tried = list(layers)
    passes = try_cut(policy, [layer.name for layer in tried]) is None
    suspects = [layer.name for layer in tried if layer.group.soft or not passes]
    found = {name: try_cut(policy, [name]) for name in suspects}
    alone = {name: why for name, why in found.items() if why is not None}
    together = {tried[0].name: "it fails only together with the other layers"}
    return alone if alone or passes else together


def try_cut(policy: nn.Module, names: Collection[str]) -> str | None:
    """Remove dead units of some layers from a copy; return what went wrong, or None.

    Operations that mix units compute as if no unit were gone (:class:`StandIn`).
    Biases, scales and statistics are moved first: 0 or 1 would hide a wrong cut. What
    moves a little in float32 is computed again in float64; it counts if it moves there.

    Args:
        policy: The policy.
        names: Names of the layers.
    """
    found = _try(policy, names)
    if isinstance(found, str):
        return found
    worst = max(found, key=found.__getitem__)
    if TOLERANCE < found[worst] <= ROUNDING:
        # What cancels out in float32 leaves rounding errors; what is wrong stays wrong.
        precise = _try(policy, names, precise=True)
        if not isinstance(precise, str) and max(precise.values()) <= TOLERANCE:
            return None
    if found[worst] <= TOLERANCE:
        return None
    return f"removing dead units moves {worst} by {found[worst]:.2g}"


def _try(
    policy: nn.Module, names: Collection[str], *, precise: bool = False
) -> dict[str, float] | str:
    """Return how far each output of a copy moves, or why the copy cannot be cut."""
    try:
        twin = copied(policy, opened=True)
        twin = twin.double() if precise else twin
        layers = wire(twin).units()
    except Exception as error:
        return f"it cannot be copied ({type(error).__name__}: {error})"
    if layers != wire(policy).units():
        return "its copy has other layers: a function refers to modules of the original"
    _scatter(twin)
    mode = StandIn() if any(wire(policy)[name].mixes for name in names) else None
    try:
        plan = _some(twin, names, SHARES)
        return _remove_dead(twin, plan, mode, rehearsed=not is_known(policy))
    except UnsupportedPolicyError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def movement(policy: nn.Module, names: Collection[str]) -> float:
    """Return how far the outputs of a copy move when dead units are removed.

    The distance (see :func:`.moved`) is 0, up to rounding, if no operation mixes the
    units.

    Args:
        policy: The policy; it stays as it is.
        names: Names of the layers that lose a third of their units.
    """
    plan = _some(policy, names, (3,))
    return max(_remove_dead(copied(policy, opened=True), plan, None).values())


def _remove_dead(
    twin: nn.Module,
    plan: Mapping[str, Change],
    mode: TorchFunctionMode | None,
    *,
    rehearsed: bool = False,
) -> dict[str, float]:
    """Make units dead and remove them, in place; return how far each output moves.

    With ``rehearsed``, outputs and gradients of the training mode are looked at, too.
    """
    wiring = wire(twin)
    for name, change in plan.items():
        for layer in wiring[name].with_targets():
            kill(layer, change.removed)
    before = outputs(twin, mode)
    rehearsal = Rehearsal(twin, plan, mode) if rehearsed else None
    carry_out(twin, plan, folds=False, follows=False)
    if isinstance(mode, StandIn):
        mode.again()
    far = moved(before, outputs(twin, mode))
    named = {f"the output of '{name}'": by for name, by in far.items()}
    return named | (rehearsal.moved() if rehearsal is not None else {})


def copied(policy: nn.Module, *, opened: bool = False) -> nn.Module:
    """Return a deep copy of a policy, without distributions.

    Args:
        policy: The policy.
        opened: Whether to open all gates: a closed one would hide a wrong cut.
    """
    memo: dict[int, Any] = {}
    for module in policy.modules():
        distribution = getattr(module, "action_dist", None)
        held = () if distribution is None else vars(distribution).values()
        # Of MultiDiscrete actions there is a list of distributions.
        lists = (value for value in held if isinstance(value, list))
        for value in (*vars(module).values(), *held, *chain(*lists)):
            # deepcopy refuses tensors that were computed with gradients.
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
            elif isinstance(value, torch.distributions.Distribution):
                memo[id(value)] = None
    twin: nn.Module = copy.deepcopy(policy, memo)
    rebind(policy, memo)
    for module in twin.modules():
        if opened and isinstance(module, Gate):
            module.settle()
            module.open()
    return twin


def _some(
    policy: nn.Module, names: Collection[str], shares: Sequence[int]
) -> dict[str, Change]:
    """Return changes that remove some units of each layer, always the first unit.

    Args:
        policy: The policy.
        names: Names of the layers; layers of one unit are left out.
        shares: Used in turn: a layer loses one unit in so many, but at least one.
    """
    rng = np.random.default_rng(0)
    widths = wire(policy).units()
    plan = {}
    for name, share in zip(names, cycle(shares), strict=False):
        units = widths[name]
        count = min(max(1, units // share), units - 1)
        if count:
            gone = {0, *(1 + rng.choice(units - 1, count - 1, replace=False)).tolist()}
            plan[name] = remove(sorted(gone), units)
    return plan


@torch.no_grad()
def _scatter(policy: nn.Module) -> None:
    """Move biases, scales, statistics and weights of zero away from neutral values.

    A branch that is multiplied by zero, as new branches often are, would hide a wrong
    cut in it. Masked weights stay zero, and their masks as they are.
    """
    masked = [m for m in policy.modules() if getattr(m, MASK, None) is not None]
    masks = {id(module.get_buffer(MASK)) for module in masked}
    generator = torch.Generator().manual_seed(0)
    slots = [s for layer in wire(policy).values() for s in layer.group.slots]
    owned = {id(s.tensor) for s in slots if s.side is Side.UNIT}
    for tensor in (*policy.parameters(), *policy.buffers()):
        if tensor.is_floating_point() and id(tensor) not in masks:
            drawn = torch.rand(tensor.shape, generator=generator).to(tensor)
            if tensor.ndim < MATRIX or id(tensor) in owned:
                tensor.add_(drawn * 0.3 + 0.1)
            else:
                scale = tensor.shape[-1] ** -0.5
                tensor.add_((drawn - 0.5) * scale * (tensor == 0))
    for module in masked:
        module.get_parameter("weight").mul_(module.get_buffer(MASK))


@torch.no_grad()
def kill(layer: HiddenLayer, units: torch.Tensor) -> None:
    """Set all weights that feed or read units of a layer to zero, in place.

    gSDE's noise reads units, too: a unit that nothing feeds may still say something. A
    weight that is also used by itself stays: it may be divided by its own norm.
    """
    sides = (Side.COLUMNS,) if layer.group.doubled else (Side.ROWS, Side.COLUMNS)
    for slot in layer.group.slots:
        shifts = slot.side is Side.UNIT and slot.neutral == 0
        noisy = slot.side is Side.NOISE
        if shifts or noisy or slot.side in sides:
            # Written through a view, so that the parameter itself changes.
            view = slot.units(slot.tensor.detach(), layer.units)
            view[units.to(view.device)] = NO_NOISE if noisy else 0.0
