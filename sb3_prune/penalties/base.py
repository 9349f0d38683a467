"""The abstract penalty: a price on the weights of a hidden layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch


class PerUnit(NamedTuple):
    """A gradient that is the weights themselves, times a factor for each unit.

    It is added without a matrix in between, which is faster.
    """

    factors: torch.Tensor
    """The factors, (K, 1)."""
    times: float = 1.0
    """Another factor, of all units."""


Gradient = torch.Tensor | PerUnit | None
"""A gradient in the shape of the weights; None stands for 0."""


class Penalty(ABC):
    """A price on the weights of a hidden layer, which training pays for having them.

    A penalty is a function of one layer of K units. Its gradient, times a strength, is
    added to that of the loss (:class:`~sb3_prune.penalties.PenaltyHooks`). Closed units
    and weights from or to them are zeros in what it gets, so a penalty that is 0 there
    trains a masked agent as it trains a cut one.

    Attributes:
        counts_once: Whether ``outgoing`` has only weights that are in no layer's
            ``incoming``. So a sum over all layers has every weight once.
    """

    counts_once: bool = False

    @abstractmethod
    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        """Return the penalty of one layer, a scalar that autograd can differentiate.

        Args:
            incoming: Weights that feed each unit, (K, inputs); biases do not count.
            outgoing: Weights that read each unit, (K, outputs).
        """

    def gradients(
        self, incoming: torch.Tensor, outgoing: torch.Tensor
    ) -> tuple[Gradient, Gradient]:
        """Return the gradients at both arguments.

        This one asks autograd. A closed form is faster.
        """
        with torch.enable_grad():
            leaves = [w.detach().requires_grad_() for w in (incoming, outgoing)]
            value = self.value(*leaves)
            first, second = torch.autograd.grad(value, leaves, allow_unused=True)
        return first, second
