"""Plain: a torch module whose inputs and outputs are found like hidden units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from gymnasium import spaces
from torch import nn

from sb3_prune.exceptions import TransplantError, UnsupportedPolicyError
from sb3_prune.surgery.flow.quiet import quiet, same_random_state
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import Wiring, wire

CHANNELS = 1
"""Axis of the channels of images, sounds and the like."""
IMAGES = 4
"""Number of axes of a batch of images."""
BATCH_AND_ENTRIES = 2
CONVOLUTIONS = nn.modules.conv._ConvNd


class Plain(nn.Module):
    """A module between two linear layers, with what else the trace asks of a policy.

    The first layer makes the inputs of the module, the second one reads its outputs. So
    inputs and outputs are units of hidden layers, whatever reads or makes them: columns
    of a weight, channels of an image that is flattened further on.

    Attributes:
        axis: Axis of inputs and outputs along which entries lie.
        inputs: The first layer.
        outputs: The second one.

    Raises:
        TransplantError: The module cannot run on the examples, does not return one
            tensor, or cannot be traced.
    """

    action_space = spaces.Discrete(1)
    observation_space = spaces.Discrete(1)

    def __init__(self, name: str, module: nn.Module, example: torch.Tensor) -> None:
        """Run a module once.

        Args:
            name: Name of the module in errors.
            module: The module; it stays as it is.
            example: Inputs of the module, (batch, inputs), (batch, inputs, positions
                ...) or (batch, time, inputs).
        """
        super().__init__()
        self.name, self.example = name, example
        self.axis = axis_of(module, example)
        self.module = module
        count, said = example.shape[self.axis], self.say().shape[-1]
        self.device, kind = example.device, example.dtype
        with same_random_state():
            self.inputs = nn.Linear(count, count, False, self.device, kind)
            self.outputs = nn.Linear(said, 1, False, self.device, kind)

    @torch.no_grad()
    def say(self) -> torch.Tensor:
        """Return what the module says about the examples, (..., outputs).

        Raises:
            TransplantError: It fails, or does not return one tensor of this shape.
        """
        try:
            with quiet(self.module):
                said = self.module(self.example.clone())  # It may work in place.
        except Exception as error:
            raise TransplantError(
                f"{self.name} cannot run on inputs of the shape "
                f"{tuple(self.example.shape)}: {type(error).__name__}: {error}. Give "
                "inputs of the old module as example=; if the new one has others, say "
                "by inputs= which are which."
            ) from error
        if not isinstance(said, torch.Tensor) or said.ndim < BATCH_AND_ENTRIES:
            got = f"a {type(said).__name__}"
            if isinstance(said, torch.Tensor):
                got = f"one of the shape {tuple(said.shape)}"
            raise TransplantError(
                f"{self.name} must return a tensor (batch, outputs, ...), got {got}."
            )
        return said.movedim(self.axis, -1)

    def obs_to_tensor(self, drawn: Any) -> tuple[torch.Tensor, bool]:
        """Return as many examples as were drawn; the draws themselves do not count."""
        return self.example[torch.arange(len(drawn)) % len(self.example)], False

    def extra_forwards(
        self, observations: torch.Tensor, actions: Any
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield the only forward."""
        del actions
        yield self.name, lambda: self(observations)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what reads the outputs of the module."""
        inner = self.inputs(inputs.movedim(self.axis, -1)).movedim(-1, self.axis)
        read: torch.Tensor = self.outputs(self.module(inner).movedim(self.axis, -1))
        return read

    def wiring(self) -> Wiring:
        """Return the layers of units, inputs and outputs included.

        Raises:
            TransplantError: The module cannot be traced.
        """
        try:
            return wire(self)
        except UnsupportedPolicyError as error:
            raise TransplantError(f"{self.name} cannot be traced: {error}") from error

    def edges(self, linear: nn.Linear) -> list[HiddenLayer]:
        """Return the layers with units that the first or the second linear layer has.

        Args:
            linear: ``inputs`` or ``outputs``.
        """
        layers = self.wiring().values()
        return [
            layer
            for layer in layers
            if any(slot.owner is linear for slot in layer.group.slots)
        ]


def axis_of(module: nn.Module, example: torch.Tensor) -> int:
    """Return the axis of channels; the last one for vectors and series of vectors."""
    has_channels = any(isinstance(m, CONVOLUTIONS) for m in module.modules())
    return CHANNELS if has_channels or example.ndim >= IMAGES else -1
