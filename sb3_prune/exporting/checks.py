"""Checks: how an export compares with its agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Check:
    """How an export compares with its agent."""

    sources: Mapping[str, int]
    """Where observations are from -> their number."""
    largest_difference: float
    """Largest difference of actions, in the units of the environment; of choices, 0."""
    ties: int
    """Choices that differ where the agent itself sees no difference."""
    tolerance: float
    """Largest difference that was accepted, see ``TOLERANCE`` in
    :mod:`sb3_prune.exporting.checking`."""
    rounding: float = 0.0
    """Where that was too strict, because the agent itself is further from what it would
    compute in float64: how far, in the units of what was compared. Ten times as much
    was accepted there."""
    varied: bool = True
    """Whether every entry of the action took more than one value. If not, an export
    that always answers the same would pass."""
    scores: bool = False
    """Whether logits, values or means were compared as well, since it did not vary."""

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, as values that JSON can store."""
        return {**asdict(self), "observations": sum(self.sources.values())}
