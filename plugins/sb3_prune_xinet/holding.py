"""Holding: the gates of critics do not sample while the actor is updated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from sb3_prune.gates import Gate


class Holding:
    """Hold the gates of critics at theta while the actor is updated.

    A critic's gates sample only while the critic itself is updated. SB3 keeps the
    critic in training mode during the actor's update, too. The two updates differ in
    whether a gradient flows to the critic's action input.
    """

    def __init__(self) -> None:
        self._gates: list[Gate] = []
        self._handles: list[Any] = []

    def watch(self, body: nn.Module, gates: Sequence[Gate]) -> None:
        """Hold a critic's gates whenever the actor is updated through it.

        Args:
            body: The critic's module; its forward pass gets the critic's inputs.
            gates: The gates inside that module.
        """
        self._gates += gates
        self._handles.append(body.register_forward_pre_hook(partial(_hold, gates)))

    def release(self) -> None:
        """Stop watching all critics; let their gates sample again."""
        for handle in self._handles:
            handle.remove()
        for gate in self._gates:
            gate.hold = False
        self._handles.clear()
        self._gates.clear()


def _hold(gates: Sequence[Gate], body: nn.Module, args: tuple[torch.Tensor]) -> None:
    del body  # Part of torch's hook signature; the gates are given.
    climbed = is_climbed(args[0])
    for gate in gates:
        gate.hold = climbed


def is_climbed(inputs: torch.Tensor) -> bool:
    """Return whether a gradient flows to the actions among a critic's inputs.

    The inputs are a concatenation whose last part depends on the action: [features;
    action], or z_oa. The other parts may need a gradient too, if the critic trains its
    own features extractor; therefore only the last part is checked.
    """
    made = inputs.grad_fn
    return made is not None and made.next_functions[-1][0] is not None
