"""Holding: the gates of critics stand still while the actor climbs them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from sb3_prune.gates import Gate


class Holding:
    """Watches critics: their gates sample for their own update only.

    A critic is in training mode while the actor is updated, too; what tells the two
    apart is whether a gradient goes to its actions.
    """

    def __init__(self) -> None:
        self._gates: list[Gate] = []
        self._handles: list[Any] = []

    def watch(self, body: nn.Module, gates: Sequence[Gate]) -> None:
        """Watch a critic.

        Args:
            body: What is called on the critic's inputs.
            gates: The gates inside.
        """
        self._gates += gates
        self._handles.append(body.register_forward_pre_hook(partial(_hold, gates)))

    def release(self) -> None:
        """Watch no more; no gate is held."""
        for handle in self._handles:
            handle.remove()
        for gate in self._gates:
            gate.hold = False
        self._handles.clear()
        self._gates.clear()


def _hold(gates: Sequence[Gate], body: nn.Module, args: tuple[torch.Tensor]) -> None:
    del body  # Its gates are given.
    climbed = is_climbed(args[0])
    for gate in gates:
        gate.hold = climbed


def is_climbed(inputs: torch.Tensor) -> bool:
    """Tell whether the actions among a critic's inputs are to be improved.

    Inputs are [features; action] put together, or z_oa, whose last units come from the
    action as well. Features may take a gradient too, if the critic learns its own.
    """
    made = inputs.grad_fn
    return made is not None and made.next_functions[-1][0] is not None
