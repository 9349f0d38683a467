"""Feature cache: features of the same observations are computed once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class _Weight:
    """A tensor as it was: another one, a write or other memory makes it differ."""

    tensor: torch.Tensor
    memory: torch.Tensor  # Held, so that its address is not given away again.
    version: int

    @classmethod
    def of(cls, tensor: torch.Tensor) -> _Weight:
        return cls(tensor, tensor.detach(), tensor._version)

    def is_still(self, tensor: torch.Tensor) -> bool:
        return (
            tensor is self.tensor
            and tensor._version == self.version
            and tensor.data_ptr() == self.memory.data_ptr()
        )


class FeatureCache:
    """Remembers the last results of a function of observations and weights.

    One gradient step of SAC asks for the features of one batch and of the next
    observations five times. An entry counts only as long as the observations are equal,
    entry by entry, and every weight is the very tensor it was, unchanged.

    Two kinds of writes leave no mark on a tensor: those of fused optimisers, after
    which :meth:`clear` is due, and those into ``tensor.data``.

    Args:
        size: Number of results kept.
    """

    def __init__(self, size: int = 2) -> None:
        self._entries: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=size)
        self._weights: list[_Weight] = []

    def __call__(
        self,
        function: Function,
        observations: torch.Tensor,
        weights: Iterable[torch.Tensor],
    ) -> torch.Tensor:
        """Return the function's value, without gradient.

        Args:
            function: What to compute.
            observations: Its argument, (batch, size).
            weights: Every tensor that the value depends on besides.
        """
        if torch.is_inference_mode_enabled():
            return function(observations)  # Autograd could not take it up later.
        self._forget_if_stale(list(weights))
        for known, value in self._entries:
            if _equal(known, observations):
                return value
        with torch.no_grad():
            value = function(observations)
        self._entries.append((observations.clone(), value))
        return value

    def clear(self) -> None:
        """Forget every result."""
        self._entries.clear()

    def _forget_if_stale(self, weights: list[torch.Tensor]) -> None:
        same = len(weights) == len(self._weights) and all(
            known.is_still(tensor)
            for known, tensor in zip(self._weights, weights, strict=True)
        )
        if not same:
            self.clear()
            self._weights = [_Weight.of(tensor) for tensor in weights]

    def __deepcopy__(self, memo: object) -> FeatureCache:
        return FeatureCache(self._entries.maxlen or 0)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    alike = a.shape == b.shape and a.dtype == b.dtype and a.device == b.device
    return alike and torch.equal(a, b)
