"""Plug-in: choose units by their activations, and let the others take over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune.plugins.lazy import lazy

if TYPE_CHECKING:
    from sb3_prune_reconstruct.config import ReconstructConfig as ReconstructConfig
    from sb3_prune_reconstruct.redundancy import Redundancy as Redundancy
    from sb3_prune_reconstruct.strategy import Reconstruct as Reconstruct

HOMES = {
    "config": ["ReconstructConfig"],
    "redundancy": ["Redundancy"],
    "strategy": ["Reconstruct"],
}
"""Module -> names that are imported from it when they are used."""
__all__ = [name for names in HOMES.values() for name in names]

if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, HOMES)


@hookimpl
def register_strategies(register: Callable[[type[Any]], None]) -> None:
    """Register the strategy."""
    from sb3_prune_reconstruct.strategy import Reconstruct  # noqa: PLC0415

    register(Reconstruct)


@hookimpl
def register_analyses(register: Callable[[type[Any]], None]) -> None:
    """Register the analysis."""
    from sb3_prune_reconstruct.redundancy import Redundancy  # noqa: PLC0415

    register(Redundancy)
