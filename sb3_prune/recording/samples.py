"""Samples: the activations of hidden units, one row per observation and position."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from operator import itemgetter
from typing import Any

import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.policies import BasePolicy

from sb3_prune.exceptions import NoObservationsError, UnsupportedPolicyError
from sb3_prune.recording.activations import arrived_at, observe
from sb3_prune.recording.observations import count_observations, mapped
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.surgery.flow.slots import Read
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import wire

CHUNK = 1 << 23
"""Numbers in the observations that run through a policy at once, at most ..."""
LARGEST_CHUNK = 8192
"""... and the largest number of these observations."""
MOST = 32_768
"""Largest number of samples of a layer."""


def sample_activations(
    policy: BasePolicy, inputs: Inputs, names: Collection[str], seed: int = 0
) -> dict[str, torch.Tensor]:
    """Record layers where their readers get them, one row per observation.

    A unit with several positions, such as a channel of an image, gives one row per
    position. If several readers get different activations of the same units, as the
    blocks of a residual network do, each reader gives rows. Of more than :data:`MOST`
    rows, some are drawn. Which ones depends on the inputs and the seed, not on the
    number of units: the rows of an agent and of its pruned copy belong together.

    Args:
        policy: The policy; it stays as it is.
        inputs: Inputs of the policy's networks.
        names: Names of the layers.
        seed: Seed of the draw of rows.

    Returns:
        Activations, (samples, units), by layer name.

    Raises:
        NoObservationsError: There are no observations.
        UnsupportedPolicyError: A layer cannot be recorded.
    """
    layers = [layer for name, layer in wire(policy).items() if name in names]
    count = count_observations(inputs.observations)
    if not count:
        raise NoObservationsError("There are no observations to record activations on.")
    share = MOST / count
    parts: dict[str, list[torch.Tensor]] = {layer.name: [] for layer in layers}
    generator = torch.Generator()
    for number, chunk in enumerate(chunks(inputs)):
        observer = observe(policy, chunk, layers)
        for layer in layers:
            generator.manual_seed(seed + number)
            rows = _rows(layer, observer)
            most = max(
                1, round(share * count_observations(chunk.observations) / len(rows))
            )
            parts[layer.name] += [_some(part, most, generator) for part in rows]
    # A copy takes as long as a layer of a small network.
    return {n: p[0] if len(p) == 1 else torch.cat(p) for n, p in parts.items()}


def unrecorded(policy: BasePolicy, inputs: Inputs, names: Collection[str]) -> list[str]:
    """Return the layers whose activations cannot be recorded.

    Args:
        policy: The policy; it stays as it is.
        inputs: Inputs of the policy's networks.
        names: Names of layers.
    """
    layers = [layer for name, layer in wire(policy).items() if name in names]
    observer = observe(policy, part(inputs, slice(1)), layers)
    return [layer.name for layer in layers if not observer.read_by(layer.reads)]


def chunks(inputs: Inputs) -> Iterator[Inputs]:
    """Yield inputs in parts that fit into memory with all activations."""
    parts = by_key(inputs.observations).values()
    count = count_observations(inputs.observations)
    numbers = max(1, sum(tensor.numel() for tensor in parts) // max(1, count))
    size = min(LARGEST_CHUNK, max(1, CHUNK // numbers))
    for start in range(0, count, size):
        yield part(inputs, slice(start, start + size))


def part(inputs: Inputs, chosen: Any) -> Inputs:
    """Return some of the observations, with their actions and LSTM states.

    Args:
        inputs: All inputs.
        chosen: A slice, or a tensor of indices.
    """
    observations = mapped(itemgetter(chosen), inputs.observations)
    states = inputs.lstm_states
    actions = None if inputs.actions is None else inputs.actions[chosen]
    if states is not None:
        (a, b), (c, d) = states
        states = RNNStates((a[:, chosen], b[:, chosen]), (c[:, chosen], d[:, chosen]))
    return replace(
        inputs, observations=observations, actions=actions, lstm_states=states
    )


def _rows(layer: HiddenLayer, observer: Observer) -> list[torch.Tensor]:
    """Return what each reader got, (rows, units); what several got occurs once."""
    found: dict[tuple[int, int], torch.Tensor] = {}
    for read, every in arrived_at(layer, observer):
        for given in every:
            units = _arrived(read, given, layer)
            rows = units.movedim(-1, -2).reshape(-1, layer.units)
            found.setdefault((given.data_ptr(), read.slot.start), rows)
    return list(found.values())


def _arrived(read: Read, given: torch.Tensor, layer: HiddenLayer) -> torch.Tensor:
    """Return the units' part of what a reader got.

    Raises:
        UnsupportedPolicyError: A call of the reader got something else.
    """
    try:
        return read.arrived(given, layer.units)
    except RuntimeError as error:
        raise UnsupportedPolicyError(
            f"The activations of '{layer.name}' cannot be recorded: "
            f"{type(read.slot.owner).__name__}.{read.slot.attribute} reads others, too."
        ) from error


def _some(rows: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    if len(rows) <= most:
        return rows
    chosen = torch.randperm(len(rows), generator=generator)[:most]
    return rows[chosen.sort().values.to(rows.device)]
