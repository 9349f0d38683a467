"""Gating: a gate behind every hidden layer of a policy that has a place for one."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import wire


def insert_gates(policy: nn.Module) -> None:
    """Put a :class:`Gate` behind every hidden layer of a policy, in place.

    A gate stands in the ``nn.Sequential`` of what computes the units, after the
    activation and any normalisation, right before what reads them or moves their axis,
    under the name ``gate<i>``. All other modules keep their names and identity, so
    stock weights load and optimisers stay valid. Calling it twice changes nothing.

    A layer has no such place if its units are computed by several modules, outside of a
    Sequential, or inside an LSTM: it can be cut, but not masked.

    Args:
        policy: A policy, targets included.
    """
    parents = {
        child: (parent, name)
        for parent in policy.modules()
        if isinstance(parent, nn.Sequential)
        for name, child in parent.named_children()
    }
    made: list[tuple[nn.Sequential, str]] = []
    for layer in wire(policy).values():
        for twin in layer.with_targets():
            if not twin.group.gates and (place := parents.get(twin.module)):
                made += _insert(twin, *place)
    _withdraw(policy, made)


def _insert(
    layer: HiddenLayer, parent: nn.Sequential, name: str
) -> Iterator[tuple[nn.Sequential, str]]:
    """Put a gate behind a layer in its Sequential, if it is the layer's only source."""
    rows = [slot.owner for slot in layer.group.slots if slot.side is Side.ROWS]
    if any(owner is not layer.module for owner in rows):
        return
    last = _last_between(layer, parent, name)
    children = list(parent.named_children())
    for other, _ in children:
        delattr(parent, other)
    for other, module in children:
        parent.add_module(other, module)
        if other == last:
            parent.add_module(f"gate{name}", Gate(_axis(layer.module)))
    yield parent, f"gate{name}"


def _last_between(layer: HiddenLayer, parent: nn.Sequential, name: str) -> str:
    """Return the name of the last module before what reads the units."""
    readers = {slot.owner for slot in layer.readers}
    names = list(dict(parent.named_children()))
    last = name
    for other in names[names.index(name) + 1 :]:
        module = parent.get_submodule(other)
        moves = isinstance(module, nn.Flatten | nn.Unflatten | nn.Sequential)
        if moves or readers & set(module.modules()):
            break
        last = other
    return last


def _axis(module: nn.Module) -> int:
    """Return where the units are in what a module returns, counted from the end."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return -len(module.kernel_size) - 1
    return -1


def _withdraw(policy: nn.Module, made: list[tuple[nn.Sequential, str]]) -> None:
    """Take gates away again that were not found to pass the units of a layer."""
    used = {
        gate
        for layer in (wire(policy).values() if made else ())
        for twin in layer.with_targets()
        for gate in twin.group.gates
    }
    for parent, name in made:
        if parent.get_submodule(name) not in used:
            delattr(parent, name)
