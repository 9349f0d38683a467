"""Pricing: the gradients of a penalty at the weights of hidden layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from sb3_prune.exceptions import PluginError
from sb3_prune.gates import Gate
from sb3_prune.penalties.base import Penalty
from sb3_prune.penalties.faces import Face, Stretch, face_of
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import Wiring

Gradient = tuple[Stretch, torch.Tensor]
"""A stretch of a weight, and a matrix with a row per unit to add to its gradient."""


@dataclass(frozen=True)
class Priced:
    """A hidden layer that has a penalty."""

    layer: HiddenLayer
    """The layer."""
    penalty: Penalty
    """Its penalty."""
    strength: float
    """Factor of the penalty."""
    incoming: Face
    """The weights that feed the units."""
    outgoing: Face
    """The weights that read the units, those that the penalty counts."""

    @property
    def stretches(self) -> list[Stretch]:
        """The stretches of weights on both sides."""
        return [*self.incoming.stretches, *self.outgoing.stretches]

    @property
    def gates(self) -> list[Gate]:
        """The gates of the units, and of the units that these weights connect to."""
        others = [gate for each in self.stretches for _, gate in each.gates]
        return others if self.layer.gate is None else [self.layer.gate, *others]

    def gradients(self, gated: bool = True) -> list[Gradient]:
        """Return the penalty's gradient at each stretch, without the strength.

        Args:
            gated: Whether some of the gates may not be open.

        Raises:
            PluginError: A gradient has another shape than the weights.
        """
        found: list[Gradient] = []
        faces = self.incoming, self.outgoing
        weights = [face.read() for face in faces]
        passing = [self._passing(face) if gated else None for face in faces]
        weights = list(map(_times, weights, passing))
        made = self.penalty.gradients(*weights)
        for face, w, g, passes in zip(faces, weights, made, passing, strict=True):
            if g is not None:
                self._check(g, w)
                found += face.parted(_times(g, passes))
        return found

    def _passing(self, face: Face) -> torch.Tensor | None:
        """Return what gates, the units' own among them, multiply weights by."""
        others, gate = face.passing(), self.layer.gate
        if gate is None or gate.mask is None:
            return others
        return _times(gate.mask.detach().unsqueeze(1), others)

    def _check(self, gradient: torch.Tensor, weights: torch.Tensor) -> None:
        if gradient.shape != weights.shape:
            raise PluginError(
                f"The penalty {type(self.penalty).__name__} returns a gradient of "
                f"shape {tuple(gradient.shape)} for weights of '{self.layer.name}' of "
                f"shape {tuple(weights.shape)}."
            )


def _times(tensor: torch.Tensor, other: torch.Tensor | None) -> torch.Tensor:
    return tensor if other is None else tensor * other


def price(
    wiring: Wiring, penalty: Penalty, strengths: Mapping[str, float]
) -> list[Priced]:
    """Return the layers of a wiring with their penalty.

    Args:
        wiring: The layers as they are now.
        penalty: The penalty.
        strengths: Factor of the penalty, by layer name. Layers that the wiring does not
            have any more are left out.
    """
    layers = [wiring[name] for name in strengths if name in wiring]
    feeding = {
        (slot.owner, slot.attribute)
        for layer in layers
        for slot in layer.weights(Side.ROWS)
    }
    found = []
    for layer in layers:
        reading = layer.weights(Side.COLUMNS)
        if penalty.counts_once:
            reading = [s for s in reading if (s.owner, s.attribute) not in feeding]
        incoming = face_of(layer, layer.weights(Side.ROWS))
        outgoing, strength = face_of(layer, reading), strengths[layer.name]
        found.append(Priced(layer, penalty, strength, incoming, outgoing))
    return found
