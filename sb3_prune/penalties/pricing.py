"""Pricing: the gradients of a penalty at the weights of hidden layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from sb3_prune.exceptions import PluginError
from sb3_prune.gates import Gate
from sb3_prune.penalties.base import Gradient, Penalty, PerUnit
from sb3_prune.penalties.faces import Face, Stretch, face_of
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import Wiring

Part = tuple[Stretch, torch.Tensor | PerUnit]
"""A stretch of a weight, and what to add to its gradient."""


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

    @cached_property
    def _pair(self) -> tuple[Stretch, Stretch] | None:
        """The stretches of a layer with one weight on each side."""
        faces = self.incoming.stretches, self.outgoing.stretches
        one_each = all(len(stretches) == 1 for stretches in faces)
        return (faces[0][0], faces[1][0]) if one_each else None

    def gradients(self, gated: bool) -> list[Part]:
        """Return the penalty's gradient at each stretch, without the strength.

        Args:
            gated: Whether some of the gates may not be open.
        """
        if not gated and self._pair is not None:  # The usual case, which is quick.
            one, two = self._pair
            first, second = self.penalty.gradients(one.read(), two.read())
            found = [(one, first)] if first is not None else []
            return found if second is None else [*found, (two, second)]
        faces, passing = (self.incoming, self.outgoing), None
        weights = [face.read() for face in faces]
        if gated:
            passing = [self._passing(face) for face in faces]
            weights = list(map(_times, weights, passing))
        made: Sequence[Gradient] = self.penalty.gradients(*weights)
        if passing is not None:
            made = list(map(_gated, made, weights, passing))
        return [
            part
            for face, gradient in zip(faces, made, strict=True)
            if gradient is not None
            for part in face.parted(gradient)
        ]

    def check(self) -> None:
        """Check the gradients that the penalty returns.

        Raises:
            PluginError: A gradient has another shape than the weights, or is not finite
                at zeros, which the weights of closed units are.
        """
        weights = self.incoming.read(), self.outgoing.read()
        zeros = self.penalty.gradients(*map(torch.zeros_like, weights))
        parts = [f.factors if isinstance(f, PerUnit) else f for f in zeros]
        if not all(part is None or part.isfinite().all() for part in parts):
            raise PluginError(
                f"The penalty {type(self.penalty).__name__} has a gradient at weights "
                "of zero that is not finite, and the weights of closed units are zero: "
                "as of a square root, add a small number inside."
            )
        for gradient, each in zip(
            self.penalty.gradients(*weights), weights, strict=True
        ):
            found, needed = gradient, tuple(each.shape)
            if isinstance(found, PerUnit):
                found, needed = found.factors, (len(each), 1)
            if found is not None and tuple(found.shape) != needed:
                raise PluginError(
                    f"The penalty {type(self.penalty).__name__} returns a gradient of "
                    f"shape {tuple(found.shape)} for weights of '{self.layer.name}', "
                    f"expected {needed}."
                )

    def _passing(self, face: Face) -> torch.Tensor | None:
        """Return what gates, the units' own among them, multiply weights by."""
        others, gate = face.passing(), self.layer.gate
        if gate is None or gate.mask is None:
            return others
        return _times(gate.mask.detach().unsqueeze(1), others)


def _times(tensor: torch.Tensor, other: torch.Tensor | None) -> torch.Tensor:
    return tensor if other is None else tensor * other


def _gated(
    gradient: Gradient, weights: torch.Tensor, passing: torch.Tensor | None
) -> Gradient:
    """Return what is left of a gradient behind gates."""
    if gradient is None or passing is None:
        return gradient
    if isinstance(gradient, PerUnit):
        gradient = weights * gradient.factors * gradient.times
    return gradient * passing


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
    feeding = {slot.key for layer in layers for slot in layer.weights(Side.ROWS)}
    found = []
    for layer in layers:
        reading = layer.weights(Side.COLUMNS)
        if penalty.counts_once:
            reading = [slot for slot in reading if slot.key not in feeding]
        incoming = face_of(layer, layer.weights(Side.ROWS))
        outgoing, strength = face_of(layer, reading), strengths[layer.name]
        found.append(Priced(layer, penalty, strength, incoming, outgoing))
    return found
