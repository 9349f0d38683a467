"""Resizing: the plan that gives every hidden layer the width it was saved with."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sb3_prune.surgery.change import Change
from sb3_prune.surgery.elementary import add, keep
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.optimizer import move_state, optimizers
from sb3_prune.surgery.wiring import Wiring

NOTED = "hidden_units."
"""Prefix of the state dictionary's entries that note the width of a layer."""
State = Mapping[str, Any]


@dataclass
class _Equation:
    """Saved length of an axis: the sum, over its layers, of units times block."""

    blocks: dict[str, int]
    """Number of entries per unit, by layer."""
    entries: int
    """Number of saved entries of all these layers together."""

    def unknown(self, units: Mapping[str, int]) -> list[str]:
        """Return the layers whose units are not known."""
        return [name for name in self.blocks if name not in units]

    def solve(self, units: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        """Yield the units of the unknown layer, if exactly one layer is unknown."""
        unknown = self.unknown(units)
        if len(unknown) != 1:
            return
        known = sum(units[n] * b for n, b in self.blocks.items() if n in units)
        count, rest = divmod(self.entries - known, self.blocks[unknown[0]])
        if rest == 0 and count > 0:
            yield unknown[0], count

    def holds(self, units: Mapping[str, int]) -> bool:
        """Tell whether all layers are known and add up to the saved entries."""
        if self.unknown(units):
            return False
        return self.entries == sum(units[n] * b for n, b in self.blocks.items())


def resize_plan(
    policy: nn.Module, wiring: Wiring, state_dict: State
) -> dict[str, Change]:
    """Return the plan that gives every hidden layer the width it was saved with.

    Args:
        policy: The policy into which weights are loaded.
        wiring: The hidden layers of the policy.
        state_dict: The saved state dictionary.
    """
    saved = saved_units(policy, wiring, state_dict)
    return {
        name: resize_change(wiring[name].units, units)
        for name, units in saved.items()
        if units != wiring[name].units
    }


def saved_units(policy: nn.Module, wiring: Wiring, state_dict: State) -> dict[str, int]:
    """Return the saved number of units of every layer for which it is known.

    Shapes of tensors determine it, except for layers that lie side by side in all their
    tensors: there, shapes only give the sum. The widths of such layers are saved in
    entries of their own (:func:`noted`), unless the layers were built with these
    widths. Earlier versions of the package saved no such entries.
    """
    equations = list(_equations(policy, wiring, state_dict))
    units = _solve(equations)
    untold = _untold(equations, units)
    guess = _guess(policy, wiring, state_dict, untold, units)
    return units | {n: guess[n] for e in untold for n in e.unknown(units) if guess}


def untold_layers(policy: nn.Module, wiring: Wiring, state_dict: State) -> list[str]:
    """Return the layers whose saved width cannot be found out."""
    units = saved_units(policy, wiring, state_dict)
    untold = _untold(list(_equations(policy, wiring, state_dict)), units)
    return sorted({name for equation in untold for name in equation.unknown(units)})


def noted(policy: nn.Module, wiring: Wiring, state_dict: State) -> dict[str, Any]:
    """Return the entries to save for layers whose widths no shape determines.

    There are none while these layers are as wide as they were built.

    Args:
        policy: The policy that is to be saved.
        wiring: The hidden layers of the policy.
        state_dict: The tensors of the policy.
    """
    equations = list(_equations(policy, wiring, state_dict))
    lengths = _solve(equations)
    untold = {n for e in _untold(equations, lengths) for n in e.unknown(lengths)}
    units, built = wiring.units(), getattr(policy, "initial_units", {})
    if all(units[name] == built.get(name) for name in untold):
        return {}
    return {f"{NOTED}{name}": torch.tensor(units[name]) for name in sorted(untold)}


def without_notes(state_dict: State) -> State:
    """Return a state dictionary without the entries of :func:`noted`."""
    notes = [name for name in state_dict if name.startswith(NOTED)]
    if not notes:
        return state_dict
    rest: Any = copy.copy(state_dict)  # Keeps the attribute _metadata, if there is one.
    for name in notes:
        del rest[name]
    kept: State = rest
    return kept


def _solve(equations: Sequence[_Equation]) -> dict[str, int]:
    units: dict[str, int] = {}
    while True:
        found = [pair for equation in equations for pair in equation.solve(units)]
        if not found:
            return units
        units.update(reversed(found))


def _untold(
    equations: Sequence[_Equation], units: Mapping[str, int]
) -> list[_Equation]:
    return [equation for equation in equations if len(equation.unknown(units)) > 1]


def _guess(
    policy: nn.Module,
    wiring: Wiring,
    state_dict: State,
    untold: Sequence[_Equation],
    units: Mapping[str, int],
) -> dict[str, int]:
    """Return the first widths that fit the lengths: noted, as built, or present ones.

    The result is empty if none of the three fit.
    """
    notes = {
        name.removeprefix(NOTED): int(saved)
        for name, saved in state_dict.items()
        if name.startswith(NOTED)
    }
    for widths in (notes, getattr(policy, "initial_units", {}), wiring.units()):
        guess = {**widths, **units}
        if all(equation.holds(guess) for equation in untold):
            return guess
    return {}


def _equations(
    policy: nn.Module, wiring: Wiring, state_dict: State
) -> Iterator[_Equation]:
    paths = {module: name for name, module in policy.named_modules()}
    along: dict[tuple[nn.Module, str, int], dict[str, int]] = defaultdict(dict)
    for name, layer in wiring.items():
        for slot in layer.group.slots:
            blocks = along[slot.owner, slot.attribute, slot.axis]
            blocks[name] = blocks.get(name, 0) + slot.block
    for (owner, attribute, axis), blocks in along.items():
        path = f"{paths[owner]}.{attribute}".lstrip(".")
        saved, here = state_dict.get(path), getattr(owner, attribute)
        if isinstance(saved, torch.Tensor) and saved.ndim == here.ndim:
            ours = sum(wiring[name].units * block for name, block in blocks.items())
            yield _Equation(blocks, saved.shape[axis] - (here.shape[axis] - ours))


def resize_change(units: int, wanted: int) -> Change:
    """Return the change after which a layer has another number of units."""
    if wanted > units:
        return add(wanted - units, units, seed=None)
    return keep(range(wanted), units)


def resize(policy: nn.Module, plan: Mapping[str, Change]) -> None:
    """Carry out a plan before weights are loaded; parameters stay the same objects.

    So an optimiser, or a list that the model keeps, still refers to the live parameters
    and statistics. Gradients of the old shape are dropped.

    Args:
        policy: The policy into which weights are loaded.
        plan: Changes by layer name.
    """
    parts = [(m, p) for m in policy.modules() for p in (m._parameters, m._buffers)]
    held = [(m, n, t) for m, p in parts for n, t in p.items() if t is not None]
    carry_out(policy, plan, folds=False)
    back: dict[nn.Parameter, nn.Parameter] = {}
    for module, name, old in held:
        new = getattr(module, name)
        if new is not old:
            _take_over(old, new)
            setattr(module, name, old)
            if isinstance(old, nn.Parameter):
                back[new] = old
    for optimizer in optimizers(policy).values():
        move_state(optimizer, back, {})


def _take_over(old: torch.Tensor, new: torch.Tensor) -> None:
    """Give a tensor the data of another one, which may have another shape."""
    if not isinstance(old, nn.Parameter):
        old.data = _in_place(old.data, new)
        return
    old.grad = None
    # By way of another dtype: else a live autograd graph expects the old shape.
    half, single = torch.float16, torch.float32
    if old.is_floating_point():
        old.data = new.new_empty(0, dtype=half if new.dtype is single else single)
    old.data = new.detach()


def _in_place(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """Write a smaller vector into the memory of the larger one, if possible.

    SB3's algorithms keep aliases of batch-norm statistics from before weights are
    loaded, and copy these aliases to target networks.
    """
    if old.ndim != 1 or len(new) > len(old) or old.dtype is not new.dtype:
        return new
    return old[: len(new)].copy_(new)
