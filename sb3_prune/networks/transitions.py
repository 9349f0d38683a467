"""Transitions: what on-policy agents saw, for a feature extractor to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


class Transitions:
    """A ring of observations and those that followed, without actions.

    Args:
        capacity: Number of transitions kept; the oldest go first.

    Attributes:
        steps: Time steps of the rollouts that were not learnt from yet.
    """

    def __init__(self, capacity: int = 1_000_000) -> None:
        self.capacity = capacity
        self.steps = 0
        self._pairs = np.empty((0, 2, 0), np.float32)
        self._count = 0
        self._next = 0

    def __len__(self) -> int:
        return self._count

    def state_dict(self) -> dict[str, Any]:
        """Return all there is: a view of the pairs, and numbers."""
        numbers = {"capacity": self.capacity, "next": self._next, "steps": self.steps}
        return {"pairs": self._pairs[: self._count], **numbers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self._pairs = np.array(state["pairs"])
        self._count = len(self._pairs)
        self._next = state["next"]
        self.capacity, self.steps = state["capacity"], state["steps"]

    def resize(self, capacity: int) -> None:
        """Keep so many from now on, of those held the newest."""
        if capacity == self.capacity:
            return
        oldest_first = np.roll(self._pairs[: self._count], -self._next, axis=0)
        self._pairs = oldest_first[-capacity:]
        self._count = len(self._pairs)
        self._next = self._count % capacity
        self.capacity = capacity

    def add_rollout(self, model: Any) -> None:
        """Keep the transitions of the rollout that an on-policy model just ended.

        The observation that ends an episode is not stored by SB3, so the last step of
        each episode is left out.
        """
        buffer = model.rollout_buffer
        following = np.concatenate([buffer.observations[1:], model._last_obs[None]])
        starts = [buffer.episode_starts[1:], model._last_episode_starts[None]]
        goes_on = ~np.concatenate(starts).astype(bool)  # (steps, environments)
        self.steps += goes_on.size
        self.add(buffer.observations[goes_on], following[goes_on])

    def add(self, observations: np.ndarray, following: np.ndarray) -> None:
        """Keep pairs of observations, each (count, size)."""
        if not len(observations):
            return
        fresh = np.stack([observations, following], axis=1).astype(np.float32)
        fresh = fresh[-self.capacity :]
        held = min(self.capacity, self._count + len(fresh))
        if held > len(self._pairs):
            self._grow(held, fresh.shape[2])
        places = (self._next + np.arange(len(fresh))) % self.capacity
        self._pairs[places] = fresh
        self._next = (self._next + len(fresh)) % self.capacity
        self._count = held

    def _grow(self, wanted: int, size: int) -> None:
        # By doubling: short rollouts would copy everything again and again.
        room = min(self.capacity, max(wanted, 2 * len(self._pairs)))
        grown = np.empty((room, 2, size), np.float32)
        if self._count:
            grown[: self._count] = self._pairs[: self._count]
        self._pairs = grown

    def sample(
        self, count: int, device: torch.device
    ) -> tuple[torch.Tensor, None, torch.Tensor]:
        """Draw pairs with replacement: (count, size), no actions, (count, size)."""
        chosen = np.random.randint(0, len(self), count)
        pairs = torch.as_tensor(self._pairs[chosen], device=device)
        return pairs[:, 0], None, pairs[:, 1]
