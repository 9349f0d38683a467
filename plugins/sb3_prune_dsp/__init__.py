"""Plug-in: dynamic structured pruning, and the rivals that it was compared with.

Source: Su et al. 2024, "Compressing deep reinforcement learning networks with a dynamic
structured pruning method for autonomous driving", arXiv:2402.05146.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune.plugins.lazy import lazy

if TYPE_CHECKING:
    from sb3_prune_dsp.acting import ActingStrategy as ActingStrategy
    from sb3_prune_dsp.dropout import Dropout as Dropout
    from sb3_prune_dsp.dropout import DropoutConfig as DropoutConfig
    from sb3_prune_dsp.dsp import DSP as DSP
    from sb3_prune_dsp.dsp import DSPConfig as DSPConfig
    from sb3_prune_dsp.l1 import L1 as L1
    from sb3_prune_dsp.l1 import L1Config as L1Config
    from sb3_prune_dsp.lasso import SGS as SGS
    from sb3_prune_dsp.lasso import SSL as SSL
    from sb3_prune_dsp.lasso import LassoConfig as LassoConfig
    from sb3_prune_dsp.pops import PopsConfig as PopsConfig
    from sb3_prune_dsp.pops import PopsReport as PopsReport
    from sb3_prune_dsp.pops import PopsStep as PopsStep
    from sb3_prune_dsp.pops import prune_by_pops as prune_by_pops
    from sb3_prune_dsp.thresholds import THRESHOLDS as THRESHOLDS

HOMES = {
    "acting": ["ActingStrategy"],
    "dropout": ["Dropout", "DropoutConfig"],
    "dsp": ["DSP", "DSPConfig"],
    "l1": ["L1", "L1Config"],
    "lasso": ["SGS", "SSL", "LassoConfig"],
    "pops": ["PopsConfig", "PopsReport", "PopsStep", "prune_by_pops"],
    "thresholds": ["THRESHOLDS"],
}
"""Module -> names that are imported from it when they are used."""
__all__ = [name for names in HOMES.values() for name in names]

if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, HOMES)


@hookimpl
def register_strategies(register: Callable[[type[Any]], None]) -> None:
    """Register the strategies."""
    from sb3_prune_dsp.dropout import Dropout  # noqa: PLC0415
    from sb3_prune_dsp.dsp import DSP  # noqa: PLC0415
    from sb3_prune_dsp.l1 import L1  # noqa: PLC0415
    from sb3_prune_dsp.lasso import SGS, SSL  # noqa: PLC0415

    for cls in (DSP, SSL, SGS, L1, Dropout):
        register(cls)
