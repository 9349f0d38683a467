"""Feature cache: compute the features of the same observations only once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class _Weight:
    """A tensor and its state, to notice later if it was replaced or written to."""

    tensor: torch.Tensor
    memory: torch.Tensor  # Kept, so that torch cannot give its address to others.
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
    """Keeps the last results of a function of observations and weights.

    One gradient step of SAC needs the features of one batch and of its next
    observations five times. A result is used again only if all entries of the
    observations are equal and every weight is still the same, unchanged tensor.

    Two kinds of writes to a tensor cannot be noticed. After the step of a fused
    optimiser, call :meth:`clear`. The other kind, writes to ``tensor.data``, must not
    happen between two calls.

    Args:
        size: Number of results that are kept.
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
        """Return the value of a function, without gradient.

        Args:
            function: The function to compute.
            observations: Argument of the function, (batch, size).
            weights: Every other tensor that the value depends on.
        """
        if torch.is_inference_mode_enabled():
            return function(observations)  # Autograd cannot use such a tensor later.
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
