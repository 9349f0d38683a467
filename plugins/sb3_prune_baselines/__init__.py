"""Magnitude and random pruning, as a plug-in."""

from __future__ import annotations

from collections.abc import Callable

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune_baselines.magnitude import Magnitude as Magnitude
from sb3_prune_baselines.magnitude import MagnitudeConfig as MagnitudeConfig
from sb3_prune_baselines.random_pruning import RandomPruning as RandomPruning


@hookimpl
def register_strategies(register: Callable[[type], None]) -> None:
    """Register both strategies."""
    register(Magnitude)
    register(RandomPruning)
