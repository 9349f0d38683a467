"""Transitions: a buffer from which an OFEXiNet learns with on-policy algorithms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import CheckpointError
from sb3_prune.plugins.options import entry_of


class Transitions:
    """A ring buffer of pairs: observation and next observation, without actions.

    Like SB3's replay buffers, it keeps observations as they were before any
    ``VecNormalize``, whose statistics change: a draw normalises them as of now.

    Args:
        capacity: Largest number of pairs; new pairs replace the oldest ones.

    Attributes:
        steps: Number of time steps in rollouts since the extractor last learnt.
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
        """Return the full state: a view of the stored pairs, and numbers."""
        numbers = {"capacity": self.capacity, "next": self._next, "steps": self.steps}
        return {"raw_pairs": self._pairs[: self._count], **numbers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state that :meth:`state_dict` returned.

        Raises:
            CheckpointError: A value is missing, has a wrong type or is out of range.
        """
        pairs = np.array(state["raw_pairs"])
        names = ("capacity", "next", "steps")
        capacity, place, steps = (entry_of(state, name, int) for name in names)
        fits = pairs.dtype == np.float32 and pairs.ndim == self._pairs.ndim
        if not fits or not (len(pairs) <= capacity > place >= 0 <= steps):
            raise CheckpointError(
                f"Saved transitions are damaged: {pairs.dtype} {pairs.shape} for a "
                f"capacity of {capacity}, the next at {place}, {steps} steps."
            )
        self._pairs, self._count = pairs, len(pairs)
        self.capacity, self._next, self.steps = capacity, place, steps

    def resize(self, capacity: int) -> None:
        """Change the capacity; if there are too many pairs, keep the newest."""
        if capacity == self.capacity:
            return
        oldest_first = np.roll(self._pairs[: self._count], -self._next, axis=0)
        self._pairs = oldest_first[-capacity:]
        self._count = len(self._pairs)
        self._next = self._count % capacity
        self.capacity = capacity

    def add_rollout(self, model: Any, raw: np.ndarray | None = None) -> None:
        """Add the pairs of the rollout that an on-policy model has just finished.

        SB3 does not store the final observation of an episode, so the last step of
        each episode is left out.

        Args:
            model: The model.
            raw: Observations before normalisation, from the first of the rollout to
                the one that follows it, (steps + 1, environments, size); those that the
                model sees if None.
        """
        buffer = model.rollout_buffer
        if raw is None:
            raw = np.concatenate([buffer.observations, model._last_obs[None]])
        starts = [buffer.episode_starts[1:], model._last_episode_starts[None]]
        goes_on = ~np.concatenate(starts).astype(bool)  # (steps, environments)
        self.steps += goes_on.size
        self.add(raw[:-1][goes_on], raw[1:][goes_on])

    def add(self, observations: np.ndarray, following: np.ndarray) -> None:
        """Add pairs of observations and next observations, each (count, size)."""
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
        # Double the room, so that short rollouts do not copy all pairs each time.
        room = min(self.capacity, max(wanted, 2 * len(self._pairs)))
        grown = np.empty((room, 2, size), np.float32)
        if self._count:
            grown[: self._count] = self._pairs[: self._count]
        self._pairs = grown

    def sample(
        self, count: int, device: torch.device, env: VecNormalize | None = None
    ) -> tuple[torch.Tensor, None, torch.Tensor]:
        """Draw pairs with replacement.

        Args:
            count: Number of pairs.
            device: Where they are needed.
            env: What normalises them.

        Returns:
            Observations, (count, size); None in place of actions; next observations,
            (count, size).
        """
        chosen = np.random.randint(0, len(self), count)
        drawn: Any = self._pairs[chosen]
        if env is not None:
            drawn = env.normalize_obs(drawn)
        pairs = torch.as_tensor(drawn, device=device)
        return pairs[:, 0], None, pairs[:, 1]
