"""Entries: what the observations of a policy consist of, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gymnasium import spaces
from torch import nn

from sb3_prune.surgery.flow.ports import by_key, find_extractors, flattens, port_name

Kind = Literal["vector", "image", "choices"]
CHANNELS_AND_PLACES = 3


@dataclass(frozen=True, kw_only=True)
class Part:
    """The observations of one key, or all of them if they are no dictionary."""

    key: str
    """The key; empty if there is none."""
    space: spaces.Space[Any]
    """Their space, as the policy has it: images with their channels first."""
    kind: Kind
    """``image``: its entries are the channels. ``choices``: those of all branches one
    after another. ``vector``: the numbers, row by row where the space has several axes.
    """
    start: int
    """Index of the first entry, counted over all parts."""
    count: int
    """Number of entries."""

    @property
    def stop(self) -> int:
        """Index behind the last entry."""
        return self.start + self.count

    @property
    def port(self) -> str:
        """Name of the port by which the entries enter the policy."""
        return port_name(self.key)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image; 1 and 1 for what is none."""
        assert self.space.shape is not None
        return self.space.shape[1:] if self.kind == "image" else (1, 1)  # type: ignore[return-value]

    def owns(self, path: str) -> bool:
        """Tell whether a module belongs to the network that reads this key only.

        Args:
            path: Its path, or that of one of its tensors, in the policy.
        """
        return bool(self.key) and f"extractors.{self.key}." in f"{path}."

    @property
    def branches(self) -> list[int]:
        """Numbers of choices of which one is taken each."""
        nvec = getattr(self.space, "nvec", [self.count])
        return [int(n) for n in nvec] if self.kind == "choices" else []

    @property
    def lots(self) -> list[int]:
        """The same for entries of any kind; numbers and channels stand alone."""
        return self.branches or [1] * self.count

    def __str__(self) -> str:
        named = f"'{self.key}'" if self.key else "the observations"
        return f"{named} ({self.kind}, {self.count} entries)"


def find_parts(policy: nn.Module) -> tuple[Part, ...]:
    """Return the parts of a policy's observations, in the order of the space.

    Args:
        policy: The policy.
    """
    found: list[Part] = []
    for key, space in by_key(policy.observation_space).items():
        kind = _kind(policy, key, space)
        count = spaces.flatdim(space)
        if kind == "image":
            assert space.shape is not None
            count = space.shape[0]
        start = found[-1].stop if found else 0
        found.append(Part(key=key, space=space, kind=kind, start=start, count=count))
    return tuple(found)


def _kind(policy: nn.Module, key: str, space: spaces.Space[Any]) -> Kind:
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return "choices"
    extractors = find_extractors(policy)
    flat = bool(extractors) and all(flattens(each, key) for each in extractors)
    whole = space.shape is not None and len(space.shape) == CHANNELS_AND_PLACES
    return "image" if whole and not flat else "vector"
