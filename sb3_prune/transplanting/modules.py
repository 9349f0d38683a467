"""Modules: carry a plain torch module into one with other inputs, outputs or widths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery import Change
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.transplanting.carrying import (
    Carried,
    carry_tensors,
    edits_by_tensor,
    tensors,
)
from sb3_prune.transplanting.examples import count_inputs, examples_of, mapped
from sb3_prune.transplanting.ids import Sources, is_same, pair
from sb3_prune.transplanting.plain import Plain
from sb3_prune.transplanting.planning import resized, selection
from sb3_prune.transplanting.reporting import TransplantReport
from sb3_prune.warning import warn

FRESH = "fresh"
"""All outputs are new."""
ROUNDING = 1e-4
"""Share of the largest output by which rounding moves outputs at most."""


def transplant_module(
    old: nn.Module,
    new: nn.Module,
    *,
    inputs: Any = None,
    outputs: Any = None,
    example: Any = None,
) -> TransplantReport:
    """Fill an untrained torch module with what another one has learnt.

    The modules have the same kinds of layers in the same order; the new one may have
    other inputs, other outputs, and wider or narrower layers. New inputs and new units
    are not read yet, so that old outputs stay what they were. Of narrower layers, the
    units with the largest product of norms stay. New outputs stay as they are drawn.

    Inputs are the channels where the module has convolutions or gets images, else the
    entries along the last axis. The same holds for outputs.

    Args:
        old: The trained module; it stays as it is.
        new: The untrained module.
        inputs: Which new input is which old one: ``{"old": [names], "new": [names]}``,
            or for each new index the old index or None. Not needed if there are as
            many.
        outputs: The same for outputs; ``"fresh"`` if all of them are new.
        example: Inputs of the old module, (batch, ...), on which both modules run. Not
            needed if the first layer is Linear and reads vectors.

    Returns:
        What became of each tensor, and how far outputs moved.

    Raises:
        TransplantError: The layers differ, or inputs, outputs or widths cannot be
            mapped. The new module is not changed.
    """
    if {id(t) for t in tensors(old).values()} & {id(t) for t in tensors(new).values()}:
        raise TransplantError("The modules share tensors: build a new one of its own.")
    places = _places(old, new)
    ours = Plain("The old module", old, examples_of(old, example))
    count = ours.inputs.in_features
    read = pair("inputs", inputs, count, count_inputs(inputs, count))
    theirs = Plain("The new module", new, mapped(ours, read, new))
    made = _paired(outputs, ours, theirs)
    before, changes = ours.say(), _changes(ours, theirs, read, made)
    with _reasons(ours):
        carried = _carry(old, new, changes, places)
    moved = _moved(before, theirs.say(), made)
    mixing = _mixing(ours, made)
    if moved > ROUNDING and not mixing and not any(t.dropped for t in carried.values()):
        warn(
            f"Outputs moved by {moved:.2g} of their largest value although nothing was "
            "dropped: some code treats entries by their place, or the new module has "
            "other activation functions."
        )
    return TransplantReport(
        tensors=carried,
        observations=read,
        actions=made,
        rule=FRESH if None in made else "",
        moved=moved,
        states="draws" if example is None else "examples",
        left=tuple(filter(None, (mixing, _compared(made)))),
    )


def _paired(outputs: Any, ours: Plain, theirs: Plain) -> Sources:
    old, new = ours.outputs.in_features, theirs.outputs.in_features
    is_fresh = isinstance(outputs, str) and outputs == FRESH
    return (None,) * new if is_fresh else pair("outputs", outputs, old, new)


def _places(old: nn.Module, new: nn.Module) -> dict[str, str]:
    """Return the path in the new module of every module with tensors.

    Raises:
        TransplantError: They are of other kinds, or in another order.
    """
    ours, theirs = (_weighted(module) for module in (old, new))
    kinds = [[type(m).__name__ for m in found.values()] for found in (ours, theirs)]
    if list(map(type, ours.values())) != list(map(type, theirs.values())):
        raise TransplantError(
            f"The old module has the layers {', '.join(kinds[0])}; the new one has "
            f"{', '.join(kinds[1])}. They must be the same, in the same order."
        )
    return dict(zip(ours, theirs, strict=True))


def _weighted(module: nn.Module) -> dict[str, nn.Module]:
    """Return the modules that hold tensors, by path."""
    return {
        path: inner
        for path, inner in module.named_modules()
        if list(inner.parameters(False)) or list(inner.buffers(False))
    }


def _changes(
    ours: Plain, theirs: Plain, read: Sources, made: Sources
) -> list[tuple[HiddenLayer, Change]]:
    """Return the layers of the old module whose units change, and how they do."""
    edges = _edges("inputs", ours, ours.inputs, read)
    for name, sources in _edges("outputs", ours, ours.outputs, made).items():
        if edges.setdefault(name, sources) != sources:
            raise TransplantError(
                "Inputs and outputs are added to each other, so both have the same map:"
                f" got {edges[name]} and {sources}."
            )
    pairs = [
        (layer, _change(layer, twin.units, edges.get(layer.name)))
        for layer, twin in _pairs(ours, theirs)
    ]
    return [(layer, change) for layer, change in pairs if change is not None]


def _carry(
    old: nn.Module,
    new: nn.Module,
    changes: list[tuple[HiddenLayer, Change]],
    places: dict[str, str],
) -> dict[str, Carried]:
    """Write the tensors of the old module into the new one."""
    ours = {_moved_path(p, places): tensor for p, tensor in tensors(old).items()}
    theirs = tensors(new)
    if alone := sorted(ours.keys() ^ theirs.keys()):
        raise TransplantError(f"Only one of the modules has the tensors {alone}.")
    plan = {layer.name: change for layer, change in changes}
    edits = edits_by_tensor([layer for layer, _ in changes], plan)
    return carry_tensors(ours, theirs, edits)


def _moved_path(path: str, places: dict[str, str]) -> str:
    owner, _, attribute = path.rpartition(".")
    return f"{places.get(owner, owner)}.{attribute}".lstrip(".")


def _pairs(ours: Plain, theirs: Plain) -> Iterator[tuple[HiddenLayer, HiddenLayer]]:
    """Yield each layer of the old module with that of the new one.

    Raises:
        TransplantError: The modules have other layers.
    """
    layers = [list(plain.wiring().values()) for plain in (ours, theirs)]
    orders = [list(_weighted(plain).values()) for plain in (ours, theirs)]
    places = [
        [order.index(layer.module) for layer in found]
        for order, found in zip(orders, layers, strict=True)
    ]
    if places[0] != places[1]:
        names = [", ".join(layer.name for layer in found) for found in layers]
        raise TransplantError(
            f"Units can change in {names[0]} of the old module, in {names[1]} of the "
            "new one: they must be the same layers."
        )
    yield from zip(*layers, strict=True)


def _change(layer: HiddenLayer, units: int, sources: Sources | None) -> Change | None:
    """Return the change of a layer; inputs and outputs have a map."""
    if sources is None:
        return resized(layer, units)
    if len(sources) != units:
        raise TransplantError(
            f"'{layer.name}' has {units} units in the new module, but {layer.units} in "
            "the old one; the map of inputs or outputs says nothing of single layers."
        )
    return None if is_same(sources, layer.units) else selection(sources, layer.units)


def _edges(
    what: str, ours: Plain, linear: nn.Linear, sources: Sources
) -> dict[str, Sources]:
    """Return which layers hold inputs or outputs, and what becomes of their units.

    Raises:
        TransplantError: These change, but not every one is one unit of one layer.
    """
    layers, count = ours.edges(linear), linear.in_features
    if is_same(sources, count):
        return {layer.name: tuple(range(layer.units)) for layer in layers}
    if len(layers) != 1 or layers[0].units != count:
        names = [f"'{layer.name}'" for layer in layers]
        fixed = [f"'{name}' ({why})" for name, why in ours.wiring().fixed.items()]
        raise TransplantError(
            f"The {count} {what} cannot be mapped: they are not the units of one layer "
            f"that can change, but of {', '.join([*names, *fixed]) or 'none'}."
        )
    if what == "inputs" and layers[0].mixes and not _is_order(sources, count):
        raise TransplantError(
            f"The {what} cannot be mapped: {', '.join(sorted(layers[0].mixes))} mixes "
            "them, so new or missing ones would change what is seen of the others."
        )
    return {layers[0].name: sources}


@contextmanager
def _reasons(ours: Plain) -> Iterator[None]:
    """Add to an error why the units of some layers cannot change."""
    try:
        yield
    except TransplantError as error:
        stuck = [f"'{name}' ({why})" for name, why in ours.wiring().fixed.items()]
        if not stuck:
            raise
        raise TransplantError(f"{error} Fixed are {', '.join(stuck)}.") from error


def _moved(before: torch.Tensor, after: torch.Tensor, made: Sources) -> float:
    """Return how far old outputs moved, relative to the largest."""
    pairs = [(new, old) for new, old in enumerate(made) if old is not None]
    if not pairs:
        return 0.0
    places, sources = (list(each) for each in zip(*pairs, strict=True))
    far = (before[..., sources] - after[..., places].to(before)).abs().max()
    return float(far / before.abs().max().clamp_min(1e-12))


def _mixing(ours: Plain, made: Sources) -> str:
    """Return a remark if new outputs, or missing ones, change what others say."""
    mixes = {how for layer in ours.edges(ours.outputs) for how in layer.mixes}
    if not mixes or _is_order(made, ours.outputs.in_features):
        return ""
    how = ", ".join(sorted(mixes))
    return f"{how} mixes the outputs, so new or missing ones change the others."


def _is_order(sources: Sources, count: int) -> bool:
    """Tell whether all entries stay, in whatever order."""
    return len(sources) == count and set(sources) == set(range(count))


def _compared(made: Sources) -> str:
    gone = all(source is None for source in made)
    return "All outputs are new, so none was compared." if gone else ""
