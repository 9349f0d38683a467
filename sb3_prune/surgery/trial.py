"""Trial: a copy is cut before the policy is, where nobody knows all of its modules.

Tracing trusts rules; a trial trusts nothing. In a copy, random units of every layer are
made dead: what feeds them becomes zero, and what reads them. Then they are removed, and
every output must stay as it was.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import Gate
from sb3_prune.surgery.change import Change, remove
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.flow.forwards import all_forwards, sample_inputs
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.quiet import exact_arithmetic, noise, quiet
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.stand_in import StandIn
from sb3_prune.surgery.wiring import wire

TOLERANCE = 2e-5
"""How far an output may move, relative to the largest."""
KNOWN = ("sb3_contrib", "sb3_prune", "stable_baselines3", "torch")
"""Packages whose modules are known not to hide any unit."""


def require_trial(policy: nn.Module, names: Collection[str]) -> None:
    """Try the layers that a plan changes, if the policy needs that and was not tried.

    Args:
        policy: The policy; it stays as it is.
        names: Names of the layers.

    Raises:
        UnsupportedPolicyError: Outputs would move; says of which layer, and how.
    """
    wiring = wire(policy)
    tried: set[str] = vars(policy).setdefault("_tried_layers", set())
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
            "code of the policy depends on the number of its units; nothing was "
            "changed. Leave the layer out by the option networks, or let that code ask "
            "its tensors for their shapes."
        )
    tried |= {layer.name for layer in todo}


def is_known(policy: nn.Module) -> bool:
    """Tell whether all modules of a policy are torch's, SB3's or ours, hooks aside."""
    for module in policy.modules():
        package = type(module).__module__.partition(".")[0]
        hooked = module._forward_hooks or module._forward_pre_hooks
        if package not in KNOWN or hooked or parametrize.is_parametrized(module):
            return False
    return True


def refute(policy: nn.Module, layers: Iterable[HiddenLayer]) -> dict[str, str]:
    """Return why layers cannot lose units, by name; empty if all can.

    They are tried together, and one by one if that fails.

    Args:
        policy: The policy; it stays as it is.
        layers: Layers of its wiring.
    """
    names = [layer.name for layer in layers]
    if try_cut(policy, names) is None:
        return {}
    found = {name: try_cut(policy, [name]) for name in names}
    alone = {name: why for name, why in found.items() if why is not None}
    together = {names[0]: "it fails only together with the other layers"}
    return alone or together


def try_cut(policy: nn.Module, names: Collection[str], seed: int = 0) -> str | None:
    """Remove dead units of some layers from a copy; return what goes wrong, if it does.

    Operations that mix units do as if none had gone (:class:`StandIn`). Biases, scales
    and statistics are moved first, so that none of them is neutral.

    Args:
        policy: The policy.
        names: Names of the layers.
        seed: Seed of the units.
    """
    try:
        twin = copied(policy)
        layers = wire(twin).units()
    except Exception as error:
        return f"it cannot be copied ({type(error).__name__}: {error})"
    if layers != wire(policy).units():
        return "its copy has other layers: a function refers to modules of the original"
    _scatter(twin, seed)
    mode = StandIn() if any(wire(policy)[name].mixes for name in names) else None
    try:
        moved = _remove_dead(twin, names, seed, mode)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    worst = max(moved, key=lambda name: moved[name])
    if moved[worst] <= TOLERANCE:
        return None
    return f"removing dead units moves '{worst}' by {moved[worst]:.2g}"


def movement(policy: nn.Module, names: Collection[str]) -> float:
    """Return how far removing dead units of a copy moves its outputs, relatively.

    It is 0 up to rounding where units do not mix.

    Args:
        policy: The policy; it stays as it is.
        names: Names of the layers that lose a third of their units.
    """
    return max(_remove_dead(copied(policy), names, 0, None).values())


def _remove_dead(
    twin: nn.Module, names: Collection[str], seed: int, mode: TorchFunctionMode | None
) -> dict[str, float]:
    """Remove dead units, in place; return how far each output moves, by name."""
    wiring = wire(twin)
    rng = np.random.default_rng(seed)
    plan = {n: _some(wiring[n], rng) for n in names if wiring[n].units > 1}
    for name, change in plan.items():
        for layer in wiring[name].with_targets():
            kill(layer, change.removed)
    before = outputs(twin, mode)
    carry_out(twin, plan, folds=False)
    if isinstance(mode, StandIn):
        mode.again()
    return _moved(before, outputs(twin, mode))


def copied(policy: nn.Module) -> nn.Module:
    """Return a deep copy of a policy, gates open, without what distributions keep."""
    memo: dict[int, Any] = {}
    for module in policy.modules():
        distribution = getattr(module, "action_dist", None)
        held = () if distribution is None else vars(distribution).values()
        for value in (*vars(module).values(), *held):
            # What is inside a graph cannot be copied, nor need be.
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
            elif isinstance(value, torch.distributions.Distribution):
                memo[id(value)] = None
    twin: nn.Module = copy.deepcopy(policy, memo)
    for module in twin.modules():
        if isinstance(module, Gate):  # What is closed shall not hide anything.
            module.settle()
            module.open()
    return twin


def _some(layer: HiddenLayer, rng: np.random.Generator) -> Change:
    """Return the removal of about a third of a layer's units, the first among them."""
    count = min(max(1, layer.units // 3), layer.units - 1)
    gone = {0, *(1 + rng.choice(layer.units - 1, count - 1, replace=False)).tolist()}
    return remove(sorted(gone), layer.units)


@torch.no_grad()
def _scatter(policy: nn.Module, seed: int) -> None:
    """Move biases, scales and statistics, so that none of them is neutral."""
    generator = torch.Generator().manual_seed(seed)
    slots = [s for layer in wire(policy).values() for s in layer.group.slots]
    owned = {id(s.tensor) for s in slots if s.side is Side.UNIT}
    for tensor in (*policy.parameters(), *policy.buffers()):
        if tensor.is_floating_point() and (tensor.ndim == 1 or id(tensor) in owned):
            drawn = torch.rand(tensor.shape, generator=generator)
            tensor.add_(drawn.to(tensor) * 0.3 + 0.1)


@torch.no_grad()
def kill(layer: HiddenLayer, units: torch.Tensor) -> None:
    """Zero everything that feeds or reads units of a layer, in place."""
    for slot in layer.group.slots:
        shifts = slot.side is Side.UNIT and slot.neutral == 0
        if shifts or slot.side in (Side.ROWS, Side.COLUMNS):
            # Through a view, so that the parameter itself is written.
            view = slot.units(slot.tensor.detach(), layer.units)
            view[units.to(view.device)] = 0.0


def outputs(
    policy: nn.Module, mode: TorchFunctionMode | None = None, count: int = 5
) -> list[tuple[str, torch.Tensor]]:
    """Return what every forward of a policy says about random inputs, by name.

    Args:
        policy: The policy; it stays as it is.
        mode: A torch mode to run under.
        count: Number of inputs.
    """
    found = []
    drawn = any(noise(module) is not None for module in policy.modules())
    with quiet(policy), exact_arithmetic():
        for name, call in all_forwards(policy, sample_inputs(policy, count, 7)):
            if drawn and name in ("actor", "actor.action_log_prob"):
                continue  # gSDE has another matrix of noise after a cut.
            torch.manual_seed(0)
            if mode is None:
                result = call()
            else:
                with mode:
                    result = call()
            found += [(name, t.detach().cpu().double().clone()) for t in leaves(result)]
    return found


def _moved(
    before: list[tuple[str, torch.Tensor]], after: list[tuple[str, torch.Tensor]]
) -> dict[str, float]:
    """Return how far outputs moved, relative to the largest entry; inf if NaN."""
    moved: dict[str, float] = {}
    for (name, x), (_, y) in zip(before, after, strict=True):
        far = float((x - y).abs().max()) / max(1.0, float(x.abs().max()))
        moved[name] = max(moved.get(name, 0.0), torch.inf if math.isnan(far) else far)
    return moved
