"""Shallower: output layers that read an earlier layer, since later ones are gone.

No weights do exactly what several layers did. The output layers are fitted by ridge
regression, on recent observations of the old agent, to what the old ones said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.compensation.fitting import fit
from sb3_prune.exceptions import NoObservationsError, TransplantError
from sb3_prune.gates import Gate
from sb3_prune.recording.activations import count_observations, observe_weights
from sb3_prune.recording.inputs import recent_inputs
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.weight_masks import is_masked
from sb3_prune.transplanting.matching import Match, heads_of, hidden_of, stem_of

MOST = 4096
"""Largest number of observations for a fit."""
FEWEST = 20
"""Smallest number of observations for a fit; also more than units that are read."""


@dataclass(frozen=True)
class Fits:
    """Output layers that were fitted."""

    tensors: Mapping[int, torch.Tensor] = field(default_factory=dict)
    """Their weights and biases, by the id of the tensor of the old layer that each
    stands for. They read the layer that the new network keeps, as it was."""
    errors: Mapping[str, float] = field(default_factory=dict)
    """By the path of the network, the error on observations that were held out: the
    largest of its output layers, each relative to the deviation of its outputs."""


class Shallower(Match):
    """A network that loses its last hidden layers."""

    @property
    def last(self) -> nn.Linear:
        """The last hidden layer of the old network that stays."""
        return hidden_of(self.old)[self.hidden[1] - 1]

    @property
    def read(self) -> str:
        """Name of the units of this layer, as far as output layers will read them."""
        return f"before {self.old.name}"

    @property
    def reader(self) -> nn.Linear:
        """The layer of the old network that has read it, which is gone."""
        return hidden_of(self.old)[self.hidden[1]]

    def stays(self) -> list[nn.Module]:
        """Return the modules of the old network before the layers that are gone."""
        stem = list(stem_of(self.old).values())
        return stem[: stem.index(self.reader)]

    def readers(self) -> list[Slot]:
        """Return the columns of the output layers, as if they read that layer."""
        return [Slot(head, "weight", 1, Side.COLUMNS) for head in heads_of(self.old)]


def find_shallower(matches: Sequence[Match]) -> list[Shallower]:
    """Return the networks that lose hidden layers, target networks too.

    Args:
        matches: Which network of the old agent is which of the new one.

    Raises:
        TransplantError: No layer would be left, the layers before are others, or output
            layers cannot be fitted.
    """
    found = [Shallower(m.old, m.new) for m in matches if m.hidden[0] > m.hidden[1]]
    for each in found:
        _check(each)
    return found


def _check(match: Shallower) -> None:
    name, (before, after) = match.new.name, match.hidden
    if not after:
        raise TransplantError(
            f"'{name}' has {before} hidden layers and would have none: one has to stay."
        )
    if any(isinstance(head, nn.Parameter) for head in match.old.heads):
        raise TransplantError(f"'{name}' has gSDE's noise: it cannot lose layers.")
    if any(is_masked(head) for head in heads_of(match.old)):
        raise TransplantError(
            f"'{name}' has masked weights in its output layers, which would be fitted: "
            "it cannot lose layers."
        )
    ours, theirs = (
        [type(m).__name__ for m in each if not isinstance(m, Gate)]
        for each in (match.stays(), stem_of(match.new).values())
    )
    if ours != theirs:
        raise TransplantError(
            f"'{name}' does not begin as before: it was {', '.join(ours)} and would be "
            f"{', '.join(theirs)}."
        )


@torch.no_grad()
def fit_heads(
    old: BaseAlgorithm,
    networks: Sequence[Shallower],
    changes: Mapping[str, Change],
    given: Inputs | None = None,
) -> Fits:
    """Fit the output layers of networks that lose hidden layers.

    Args:
        old: The old agent; it stays as it is.
        networks: The networks.
        changes: By :attr:`Shallower.read`, which units the new agent has; all if a name
            is not listed.
        given: What the agent has observed; by default recent observations.

    Raises:
        TransplantError: There are too few recent observations.
    """
    if not networks:
        return Fits()
    inputs = _inputs(old, networks, given)
    read: list[nn.Module] = [network.reader for network in networks]
    read += [head for network in networks for head in heads_of(network.old)]
    weights = {(module, "weight") for module in read}
    observer = observe_weights(old.policy, inputs, weights, targets=True)
    tensors: dict[int, torch.Tensor] = {}
    errors = {}
    for network in networks:
        units = _arrived(observer, network.reader)
        if (change := changes.get(network.read)) is not None:
            units = units * change.columns.any(1).to(units)
        errors[network.new.name] = max(
            _fitted(head, units, observer, tensors) for head in heads_of(network.old)
        )
    return Fits(tensors, errors)


def _inputs(
    old: BaseAlgorithm, networks: Sequence[Shallower], given: Inputs | None
) -> Inputs:
    units = max(network.last.out_features for network in networks)
    least, count = max(FEWEST, units + 1), 0
    with suppress(NoObservationsError):
        given = given or recent_inputs(old, max(MOST, 4 * units))
        count = count_observations(given.observations)
    if given is None or count < least:
        raise TransplantError(
            f"'{networks[0].new.name}' loses hidden layers, so its output layers are "
            f"fitted on observations of the old agent: there are {count}, at least "
            f"{least} are needed. Give observed=sb3_prune.recording.play_inputs(old, "
            "env), with env the vectorised environment of the old agent, or play=1000."
        )
    return given


def _arrived(observer: Observer, module: nn.Module) -> torch.Tensor:
    """Return what a layer has read, (observations, inputs)."""
    return torch.cat([x.flatten(0, -2) for x in observer.arrived[module, "weight"]])


def _fitted(
    head: Any, units: torch.Tensor, observer: Observer, found: dict[int, torch.Tensor]
) -> float:
    """Fit an output layer to what it said, by the units that it is to read."""
    said = head(_arrived(observer, head))
    start = torch.zeros(said.shape[1], units.shape[1])
    has_bias = head.bias is not None
    made = fit(said, units, start, torch.ones(len(start)), intercept=has_bias)
    found[id(head.weight)] = made.columns.to(head.weight)
    if has_bias:
        found[id(head.bias)] = made.shifts.to(head.bias)
    return made.error
