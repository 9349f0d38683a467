"""Levels: the order in which layers are fitted, from the inputs of the networks on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import Wiring


def levels(wiring: Wiring, names: Collection[str]) -> list[list[str]]:
    """Return layers in groups, inputs first; no layer of a group feeds another one.

    Args:
        wiring: All hidden layers.
        names: Names of the layers to return.
    """
    layers = sorted(wiring.values(), key=lambda layer: layer.group.born)
    if wiring.fixed:  # Layers may feed each other through these.
        return [[layer.name] for layer in layers if layer.name in names]
    made = {layer.name: _tensors(layer, Side.ROWS) for layer in layers}
    read = {layer.name: _tensors(layer, Side.COLUMNS) for layer in layers}
    depth: dict[str, int] = {}
    for layer in layers:
        feeds = [depth[name] for name in depth if read[name] & made[layer.name]]
        depth[layer.name] = 1 + max(feeds, default=0)
    found: dict[int, list[str]] = defaultdict(list)
    for name in depth:
        if name in names:
            found[depth[name]].append(name)
    return [found[number] for number in sorted(found)]


def _tensors(layer: HiddenLayer, side: Side) -> set[int]:
    return {id(slot.tensor) for slot in layer.group.slots if slot.side is side}
