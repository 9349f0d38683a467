"""Lineage: which weights made a tensor, and which weights something reads later.

A weight in an operation without a rule has no slots. If another product reads what it
made, it is a hidden layer all the same, and its reason can be said. So it is if what it
made is lost from sight, and neither read nor returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

from sb3_prune.surgery.flow.tags import Call


class Lineage:
    """Follows weights through calls.

    Attributes:
        read: Ids of the weights of hidden layers: a later product reads what they made.
        hidden: Ids of the weights used in a transform, such as vmap, since a forward
            began. What a transform returns is not known to come from them.
    """

    def __init__(self) -> None:
        self.read: set[int] = set()
        self._used: set[int] = set()
        self._shown: set[int] = set()
        self.hidden: set[int] = set()
        self._made: defaultdict[int, frozenset[int]] = defaultdict(frozenset)

    def enter(self, tensor: torch.Tensor) -> None:
        """Note a tensor that no call returned: an input, or what a transform made."""
        self._made[id(tensor)] = frozenset(self.hidden)

    def show(self, tensors: Iterable[torch.Tensor]) -> None:
        """Note the tensors that a forward returns."""
        self._shown = self._shown.union(*(self._made[id(t)] for t in tensors))

    @property
    def lost(self) -> set[int]:
        """Ids of the weights of which no known call reads, or returns, what they made.

        Code that torch cannot watch does so, or that writes into a part of a tensor.
        """
        return self._used - self.read - self._shown

    def follow(self, call: Call, weights: frozenset[int], *, product: bool) -> None:
        """Learn from a call.

        Args:
            call: The call.
            weights: Ids of the parameters among its inputs, or behind them.
            product: Whether it multiplies activations with these.
        """
        made = frozenset[int]().union(*(self._made[id(t)] for t in call.inputs))
        if product:
            self.read |= made
            self._used |= weights
            made = weights
        for tensor in call.outputs:
            self._made[id(tensor)] = made
