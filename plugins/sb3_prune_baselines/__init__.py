"""Magnitude and random pruning of units, and of single weights, as a plug-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune.plugins.lazy import lazy

if TYPE_CHECKING:
    from sb3_prune_baselines.gradual_magnitude import (
        GradualMagnitude as GradualMagnitude,
    )
    from sb3_prune_baselines.magnitude import Magnitude as Magnitude
    from sb3_prune_baselines.magnitude import MagnitudeConfig as MagnitudeConfig
    from sb3_prune_baselines.random_pruning import RandomPruning as RandomPruning

HOMES = {
    "gradual_magnitude": ["GradualMagnitude"],
    "magnitude": ["Magnitude", "MagnitudeConfig"],
    "random_pruning": ["RandomPruning"],
}
"""Module -> names that are imported from it when they are used."""
__all__ = [name for names in HOMES.values() for name in names]

if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, HOMES)


@hookimpl
def register_strategies(register: Callable[[type[Any]], None]) -> None:
    """Register the strategies."""
    from sb3_prune_baselines.gradual_magnitude import GradualMagnitude  # noqa: PLC0415
    from sb3_prune_baselines.magnitude import Magnitude  # noqa: PLC0415
    from sb3_prune_baselines.random_pruning import RandomPruning  # noqa: PLC0415

    register(GradualMagnitude)
    register(Magnitude)
    register(RandomPruning)
