"""Recording: what every hidden unit said over whole episodes of an agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.recording.storage import Array

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Activations of an agent's hidden units over sample episodes.

    Raises:
        ConfigError: The shapes do not fit each other.
    """

    activations: Mapping[str, Array]
    """Layer name -> (episodes, steps, units); zero after an episode's end."""
    observations: Array
    """What was seen when the activations arose, (episodes, steps, ...)."""
    rewards: Array
    """Reward of every step, not normalised, (episodes, steps)."""
    lengths: NDArray[np.int64]
    """Steps of every episode, (episodes,)."""

    def __post_init__(self) -> None:
        expected = self.rewards.shape
        named = {**self.activations, "observations": self.observations}
        bad = [name for name, array in named.items() if array.shape[:2] != expected]
        if bad or self.lengths.shape != expected[:1]:
            raise ConfigError(
                f"A recording's arrays must begin with the shape of its rewards, "
                f"{expected} (episodes, steps); these do not: "
                f"{', '.join(bad) or 'lengths'}."
            )

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.lengths)

    def layer(self, name: str) -> Array:
        """Return the activations of a layer, (episodes, steps, units).

        Raises:
            UnknownNameError: There is no such layer.
        """
        if name not in self.activations:
            raise UnknownNameError("hidden layer", name, self.activations)
        return self.activations[name]

    def units(self) -> dict[str, int]:
        """Return the number of units of every layer."""
        return {name: array.shape[2] for name, array in self.activations.items()}

    def maxima(self, layer: str) -> Array:
        """Return Z, each unit's largest absolute activation of all, (units,).

        Units after a ReLU are never negative, so that this is Feldotto et al.'s maximum.
        """
        array = self.layer(layer)
        # Two passes, and no absolute copy of an array that may be on disk.
        found: Array = np.maximum(array.max(axis=(0, 1)), -array.min(axis=(0, 1)))
        return found

    def silent(self, layer: str) -> Bools:
        """Return which units never say anything: all activations zero, (units,)."""
        return np.asarray(~self.layer(layer).any(axis=(0, 1)))

    def steps(self, layer: str) -> Array:
        """Return the activations of all real steps in a row, (total steps, units)."""
        return self.layer(layer)[self.valid()]

    def by_episode(self, layer: str) -> Iterator[Array]:
        """Yield the activations of one episode after the other, (its steps, units)."""
        for episode, length in zip(self.layer(layer), self.lengths, strict=True):
            yield episode[:length]

    def valid(self) -> Bools:
        """Return which entries belong to an episode, (episodes, steps)."""
        count = np.arange(self.rewards.shape[1])
        inside: Bools = count < self.lengths[:, None]
        return inside
