"""Plug-in: train and prune at once with Bernoulli gates.

Source: Guenter & Sideris 2025, "Online training and pruning of deep reinforcement
learning networks", arXiv:2507.11975.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune.plugins.lazy import lazy

if TYPE_CHECKING:
    from sb3_prune_xinet.config import PRESETS as PRESETS
    from sb3_prune_xinet.config import XiNetConfig as XiNetConfig
    from sb3_prune_xinet.strategy import XiNet as XiNet

HOMES = {
    "config": ["PRESETS", "XiNetConfig"],
    "strategy": ["XiNet"],
}
"""Module -> names that are imported from it when they are used."""
__all__ = [name for names in HOMES.values() for name in names]

if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, HOMES)


@hookimpl
def register_strategies(register: Callable[[type[Any]], None]) -> None:
    """Register the strategy."""
    from sb3_prune_xinet.strategy import XiNet  # noqa: PLC0415

    register(XiNet)
