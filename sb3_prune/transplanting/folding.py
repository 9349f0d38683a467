r"""Folding: what removed observations said on average goes into the biases.

.. math:: b' = b + \sum_{i \text{ removed}} W_i \, \bar x_i

where :math:`\bar x_i` is the mean of an entry over sample states, and for images over
all places, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import nn

from sb3_prune.exceptions import TransplantError, require_one_of
from sb3_prune.recording.activations import observe_weights
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.ports import Port, by_key, find_ports
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import MATRIX
from sb3_prune.transplanting.entries import Part
from sb3_prune.transplanting.observing import ObservationMap

Removed = Literal["zero", "mean"]
Repeated = Literal["copy", "share"]


@dataclass(frozen=True, kw_only=True)
class InputRules:
    """Rules for observations that are gone or occur twice.

    Raises:
        ConfigError: A rule is unknown.
    """

    removed: Removed = "zero"
    """What a removed observation counts as: 0, or its mean over sample states, which
    goes into the biases of the layers that read it."""
    repeated: Repeated = "copy"
    """Whether each new observation that is the same old one has its weights (copy), so
    that it counts several times, or an equal share of them, so that the agent says the
    same if all have the old one's value. The same holds for continuous actions that
    critics read."""

    def __post_init__(self) -> None:
        require_one_of("removed", self.removed, get_args(Removed))
        require_one_of("repeated", self.repeated, get_args(Repeated))


def fold(
    old: BaseAlgorithm, seen: ObservationMap, states: Any
) -> dict[str, torch.Tensor]:
    """Return what is added to biases of the old agent, by their path in the policy.

    Args:
        old: The old agent; it stays as it is.
        seen: Which old observation each new one is.
        states: Sample states, as the policy gets them.

    Raises:
        TransplantError: A layer that reads removed observations has no bias, or pads
            images, or goes with its key, or something else scales them before; or rows
            or columns of an image are cut off.
    """
    _check_cuts(seen)
    gone = set(range(seen.old[-1].stop)) - set(seen.sources)
    ports = find_ports(old.policy) if gone else {}
    paths = {module: path for path, module in old.policy.named_modules()}
    means = _means(old.policy, seen.old, states)
    found: dict[str, torch.Tensor] = {}
    for part in seen.old:
        own = sorted(entry - part.start for entry in gone if _has(part, entry))
        for slot in _reading(ports, part) if own else ():
            if seen.is_alone(paths[slot.owner]):
                raise TransplantError(
                    f"The means of {part} cannot go into biases: the network that "
                    'reads them is gone, too. removed="zero" drops what it said.'
                )
            _check_arrived(old, slot, paths[slot.owner], means[part.key], states)
            shift = _shift(slot, paths[slot.owner], own, means[part.key])
            path = f"{paths[slot.owner]}.{_bias(slot)}"
            found[path] = found.get(path, torch.zeros_like(shift)) + shift
    return found


def _check_cuts(seen: ObservationMap) -> None:
    back = seen.inverse()
    for part in back.new:
        if back.goes_on(part):
            raise TransplantError(
                f"Rows or columns of {part} are cut off, whose means cannot go into "
                'biases: give removed="zero".'
            )


def _has(part: Part, entry: int) -> bool:
    return part.start <= entry < part.stop


def _means(policy: Any, parts: Sequence[Part], states: Any) -> dict[str, torch.Tensor]:
    """Return the mean of every entry as networks get it, by key: (entries,) each."""
    ready = by_key(
        preprocess_obs(
            states,
            policy.observation_space,
            normalize_images=getattr(policy, "normalize_images", True),
        )
    )
    found = {}
    for part in parts:
        values = ready[part.key]
        places = values.reshape(len(values), part.count, -1)
        found[part.key] = places.double().mean((0, 2))
    return found


def _reading(ports: dict[str, Port], part: Part) -> tuple[Slot, ...]:
    """Return the slots of weights that read a part.

    Raises:
        TransplantError: Nobody knows them, or something scales the entries before.
    """
    port = ports.get(part.port)
    why = port.opaque if port else "nobody knows what reads them"
    odd = [s for s in (port.slots if port else ()) if s.side is not Side.COLUMNS]
    if odd and why is None:
        why = f"a {type(odd[0].owner).__name__} scales them before"
    if port is None or why is not None:
        raise TransplantError(f"The means of {part} cannot go into biases: {why}.")
    return port.slots


@torch.no_grad()
def _check_arrived(
    old: BaseAlgorithm, slot: Slot, path: str, means: torch.Tensor, states: Any
) -> None:
    """Check that a weight reads entries as they are, and not their squares, say.

    Raises:
        TransplantError: The means that it reads are others.
    """
    key = slot.key
    inputs = Inputs(observations=states)
    found = observe_weights(old.policy, inputs, {key}, targets=True).arrived[key]
    if not found:
        return  # It never runs, as a target network's extractor that is shared.
    arrived = found[-1].double()
    flat = arrived if slot.tensor.ndim > MATRIX else arrived.flatten(0, -2)
    read = slot.units(flat, len(means)).flatten(1).mean(1)
    if not torch.allclose(read, means.to(read), rtol=1e-3, atol=1e-4):
        raise TransplantError(
            f"'{path}' does not read observations as they are: something changes them "
            "before, so their means cannot go into its bias."
        )


@torch.no_grad()
def _shift(
    slot: Slot, path: str, gone: Sequence[int], means: torch.Tensor
) -> torch.Tensor:
    """Return what removed columns have said on average, one number per row."""
    owner: Any = slot.owner
    if owner._parameters.get(_bias(slot)) is None:
        raise TransplantError(f"'{path}' has no bias that could take over a mean.")
    if isinstance(owner, nn.modules.conv._ConvNd) and any(owner.padding):
        raise TransplantError(
            f"'{path}' pads images with zeros, so no bias can stand for a channel."
        )
    columns = slot.units(slot.tensor, len(means))[list(gone)]
    # (removed, block, rows, kernel): what a kernel reads at all its places adds up.
    weights = columns.reshape(*columns.shape[:3], -1).sum((1, 3))
    return means[list(gone)].to(weights) @ weights


def _bias(slot: Slot) -> str:
    """Return the name of the bias that belongs to a weight; LSTMs have several."""
    return slot.attribute.replace("weight", "bias")
