"""Planning: a change for every hidden layer, for the inputs and for the outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import TransplantError
from sb3_prune.strategies.gradual import best
from sb3_prune.strategies.scores import product
from sb3_prune.surgery import Change, add, keep
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.flow.slots import Slot
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import wire
from sb3_prune.transplanting.deepening import Deeper, find_deeper
from sb3_prune.transplanting.folding import InputRules
from sb3_prune.transplanting.heads import Head, count_actions, find_heads
from sb3_prune.transplanting.ids import Sources, is_same
from sb3_prune.transplanting.matching import Match, find_matches, gone_of
from sb3_prune.transplanting.observing import ObservationMap
from sb3_prune.transplanting.reading import find_readers
from sb3_prune.transplanting.shallower import Shallower, find_shallower


@dataclass(frozen=True, kw_only=True)
class TransplantPlan:
    """What becomes of the tensors of the old agent."""

    observations: ObservationMap
    """Which old observation each new one is."""
    actions: Sources
    """Which old action each new one is."""
    changes: Mapping[str, Change]
    """A change for each layer whose units change."""
    layers: tuple[HiddenLayer, ...] = field(repr=False)
    """These layers: hidden ones, and the inputs and outputs of networks."""
    heads: tuple[Head, ...] = field(repr=False)
    """The output layers of the old agent that have entries for each action."""
    deeper: tuple[Deeper, ...] = field(repr=False)
    """The networks that get further hidden layers."""
    shallower: tuple[Shallower, ...] = field(repr=False)
    """The networks that lose their last hidden layers."""


def selection(sources: Sources, old: int, *, share: bool = False) -> Change:
    """Return the change in which each new unit is an old one, or nothing.

    Args:
        sources: The old unit of each new one, or None.
        old: Number of old units.
        share: Whether what reads them is shared among new units that are the same one.
    """
    rows = torch.zeros(len(sources), old)
    for new, source in enumerate(sources):
        if source is not None:
            rows[new, source] = 1.0
    times = rows.sum(0).clamp_min(1.0) if share else torch.ones(old)
    return Change(rows=rows, columns=rows.T / times[:, None])


def plan_changes(
    old: BaseAlgorithm,
    new: BaseAlgorithm,
    observations: ObservationMap,
    actions: Sources,
    rules: InputRules,
) -> TransplantPlan:
    """Return what becomes of the tensors of an agent.

    Args:
        old: The agent.
        new: An untrained model with the other spaces and widths.
        observations: Which old observation each new one is.
        actions: Which old action each new one is.
        rules: What becomes of observations that occur twice.

    Raises:
        TransplantError: A change of the observations, the actions or the networks
            cannot be carried out.
    """
    _check_noise(new, len(actions))
    count = count_actions(old.action_space)
    matches = find_matches(old.policy, new.policy)
    deeper, shallower = find_deeper(matches), find_shallower(matches)
    found = dict(_hidden(old, new, matches, deeper, observations.is_alone))
    found |= _passed_on(deeper)
    found |= _read_earlier(shallower, found)
    heads = find_heads(old.policy, count)
    if not is_same(actions, count):
        found |= _outputs(heads, actions, count)
    given = observations, actions, count
    for reader in find_readers(old.policy, new.policy, *given):
        layer = _as_layer(reader.name, reader.before, (reader.slot,))
        shared = rules.repeated == "share"
        change = selection(reader.sources, reader.before, share=shared)
        found[reader.name] = layer, change
    return TransplantPlan(
        observations=observations,
        actions=actions,
        changes={name: change for name, (_, change) in found.items()},
        layers=tuple(layer for layer, _ in found.values()),
        heads=tuple(heads),
        deeper=tuple(deeper),
        shallower=tuple(shallower),
    )


Found = Iterator[tuple[str, tuple[HiddenLayer, Change]]]


def _hidden(
    old: BaseAlgorithm,
    new: BaseAlgorithm,
    matches: list[Match],
    deeper: list[Deeper],
    alone: Callable[[str], bool],
) -> Found:
    """Yield the hidden layers that get wider or narrower."""
    others = set(gone_of(old.policy, matches))
    others |= {module for each in deeper for module in each.inserted}
    copies = [each for each in matches if each.is_copy]
    others |= {module for each in copies for module in each.new.body.modules()}
    ours, theirs = (
        {n: la for n, la in wire(m).items() if not alone(n) and la.module not in others}
        for m in (old, new)
    )
    if list(ours) != list(theirs):
        raise TransplantError(
            f"The old agent has the hidden layers {', '.join(ours)}; the new one has "
            f"{', '.join(theirs)} for them."
        )
    for name, layer in ours.items():
        change = resized(layer, theirs[name].units)
        if change is not None:
            yield name, (layer, change)


def resized(layer: HiddenLayer, units: int) -> Change | None:
    """Return the change after which a layer has another number of units.

    Of a narrower layer, the units with the largest product of norms stay.

    Args:
        layer: The layer.
        units: The number; None is returned if the layer has it.

    Raises:
        TransplantError: Units are closed, or new ones would change what others say.
    """
    if not bool(layer.active.all()):
        raise TransplantError(
            f"Some units of '{layer.name}' are closed: call "
            "sb3_prune.surgery.remove_closed(model) before."
        )
    if units < 1:
        raise TransplantError(f"'{layer.name}' would have no units: one has to stay.")
    if units < layer.units:
        return keep(best(layer, product(layer), units), layer.units)
    if units > layer.units and layer.mixes:
        raise TransplantError(
            f"'{layer.name}' cannot get wider: {', '.join(sorted(layer.mixes))} "
            "mixes its units, so new ones would change what the old ones say."
        )
    if units > layer.units:
        return add(units - layer.units, layer.units, seed=None)
    return None


def _passed_on(deeper: list[Deeper]) -> dict[str, tuple[HiddenLayer, Change]]:
    """Return what output layers read behind new layers, each as a layer of its own."""
    found = {}
    for each in deeper:
        old, new = each.widths()
        if old != new and not each.is_copy:
            name = f"behind {each.old.name}"
            sources = (*range(old), *[None] * (new - old))
            layer = _as_layer(name, old, each.readers())
            found[name] = layer, selection(sources, old)
    return found


def _read_earlier(
    shallower: list[Shallower], found: Mapping[str, tuple[HiddenLayer, Change]]
) -> dict[str, tuple[HiddenLayer, Change]]:
    """Return what output layers read without later layers, if its units change."""
    changes = {
        twin.module: change
        for layer, change in found.values()
        for twin in layer.with_targets()
    }
    made = {}
    for each in shallower:
        change = changes.get(each.last)
        if change is not None and not each.is_copy:
            layer = _as_layer(each.read, change.before, each.readers())
            made[each.read] = layer, change
    return made


def _outputs(
    heads: list[Head], actions: Sources, count: int
) -> dict[str, tuple[HiddenLayer, Change]]:
    """Return the output layers, each as a layer of its own."""
    found = {}
    for number, head in enumerate(heads):
        sources = head.sources(actions, count)
        name = f"outputs {number}"
        layer = _as_layer(name, head.repeats * count * head.block, head.slots)
        found[name] = layer, selection(sources, layer.units)
    return found


def _check_noise(new: BaseAlgorithm, count: int) -> None:
    """Check that TD3's noise, say, has as many dimensions as the new actions."""
    noise = getattr(new, "action_noise", None)
    mean = getattr(getattr(noise, "base_noise", noise), "_mu", None)
    size = count if mean is None else np.size(mean)
    if size not in (1, count):  # With 1, it is the same for all actions.
        raise TransplantError(
            f"action_noise is for {size} actions, but the new agent has {count}: build "
            "it with noise of its own, and call transplant_into(new, old, ...)."
        )


def _as_layer(name: str, units: int, slots: tuple[Slot, ...]) -> HiddenLayer:
    """Return inputs or outputs in the form in which hidden layers are changed."""
    group = Group(name, (name,), slots[0].owner, units, born=0, slots=slots)
    return HiddenLayer(name, group, name)
