"""Plug-in: train and prune at once with Bernoulli gates.

Source: Guenter & Sideris 2025, "Online training and pruning of deep reinforcement
learning networks", arXiv:2507.11975.
"""

from __future__ import annotations

from collections.abc import Callable

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune_xinet.config import PRESETS as PRESETS
from sb3_prune_xinet.config import XiNetConfig as XiNetConfig
from sb3_prune_xinet.strategy import XiNet as XiNet


@hookimpl
def register_strategies(register: Callable[[type], None]) -> None:
    """Register the strategy."""
    register(XiNet)
