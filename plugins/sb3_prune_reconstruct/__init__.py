"""Plug-in: choose units by their activations, and let the others take over."""

from __future__ import annotations

from collections.abc import Callable

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune_reconstruct.redundancy import Redundancy as Redundancy
from sb3_prune_reconstruct.strategy import Reconstruct as Reconstruct
from sb3_prune_reconstruct.strategy import ReconstructConfig as ReconstructConfig


@hookimpl
def register_strategies(register: Callable[[type], None]) -> None:
    """Register the strategy."""
    register(Reconstruct)


@hookimpl
def register_analyses(register: Callable[[type], None]) -> None:
    """Register the analysis."""
    register(Redundancy)
