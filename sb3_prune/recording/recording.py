"""Recording: the activations of an agent's hidden units over whole episodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
    """Observations that led to the activations, (episodes, steps, ...)."""
    rewards: Array
    """Reward of every step, not normalised, (episodes, steps)."""
    lengths: NDArray[np.int64]
    """Number of steps of every episode, (episodes,)."""

    def __post_init__(self) -> None:
        expected = self.rewards.shape
        named = {**self.activations, "observations": self.observations}
        bad = [name for name, array in named.items() if array.shape[:2] != expected]
        if bad or self.lengths.shape != expected[:1]:
            raise ConfigError(
                f"The arrays of a recording must begin with the shape of its rewards, "
                f"{expected} (episodes, steps); these do not: "
                f"{', '.join(bad) or 'lengths'}."
            )

    def read_only(self) -> Recording:
        """Return the recording with arrays that nobody can change, without a copy.

        Several analyses share it: one that works in place would falsify the next ones.
        """
        return replace(
            self,
            activations={name: _fixed(a) for name, a in self.activations.items()},
            observations=_fixed(self.observations),
            rewards=_fixed(self.rewards),
            lengths=_fixed(self.lengths),
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
        """Return Z, the largest absolute activation of each unit, (units,).

        The activations after a ReLU are never negative, so there Z is the maximum of
        Feldotto et al. 2022.
        """
        array = self.layer(layer)
        # Two passes instead of np.abs, which would copy an array that may be on disk.
        found: Array = np.maximum(array.max(axis=(0, 1)), -array.min(axis=(0, 1)))
        return found

    def silent(self, layer: str) -> Bools:
        """Return which units are zero at every step, (units,)."""
        return np.asarray(~self.layer(layer).any(axis=(0, 1)))

    def steps(self, layer: str) -> Array:
        """Return the activations of all episodes joined, (total steps, units)."""
        return self.layer(layer)[self.valid()]

    def by_episode(self, layer: str) -> Iterator[Array]:
        """Yield the activations of each episode, (steps of the episode, units)."""
        for episode, length in zip(self.layer(layer), self.lengths, strict=True):
            yield episode[:length]

    def valid(self) -> Bools:
        """Return which entries are before their episode's end, (episodes, steps)."""
        count = np.arange(self.rewards.shape[1])
        inside: Bools = count < self.lengths[:, None]
        return inside


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of an array through which nobody can change it."""
    view = array.view()
    view.flags.writeable = False
    return view
