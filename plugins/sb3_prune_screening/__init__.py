"""Plug-in: screeners, which sort out fresh agents, and their entropies as an analysis.

Source: Saad 2023, "Using pre-training to speed up deep reinforcement learning",
University of Toronto.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune.plugins.lazy import lazy

if TYPE_CHECKING:
    from sb3_prune_screening.activation_entropy import (
        ActivationEntropy as ActivationEntropy,
    )
    from sb3_prune_screening.dormant_share import DormantShare as DormantShare
    from sb3_prune_screening.entropies import Entropy as Entropy
    from sb3_prune_screening.entropies import EntropyConfig as EntropyConfig
    from sb3_prune_screening.entropies import GradientEntropy as GradientEntropy
    from sb3_prune_screening.entropies import GuidedConfig as GuidedConfig
    from sb3_prune_screening.entropies import GuidedEntropy as GuidedEntropy
    from sb3_prune_screening.entropies import IntegratedConfig as IntegratedConfig
    from sb3_prune_screening.entropies import (
        IntegratedGradients as IntegratedGradients,
    )
    from sb3_prune_screening.nrse import NRSE as NRSE
    from sb3_prune_screening.policy_entropy import PolicyEntropy as PolicyEntropy

SCREENERS = (
    "Entropy",
    "GradientEntropy",
    "GuidedEntropy",
    "IntegratedGradients",
    "NRSE",
    "PolicyEntropy",
    "DormantShare",
)
"""Names of the screeners."""
HOMES = {
    "activation_entropy": ["ActivationEntropy"],
    "dormant_share": ["DormantShare"],
    "entropies": [
        "Entropy",
        "EntropyConfig",
        "GradientEntropy",
        "GuidedConfig",
        "GuidedEntropy",
        "IntegratedConfig",
        "IntegratedGradients",
    ],
    "nrse": ["NRSE"],
    "policy_entropy": ["PolicyEntropy"],
}
"""Module -> names that are imported from it when they are used."""
__all__ = [name for names in HOMES.values() for name in names]

if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, HOMES)


@hookimpl
def register_screeners(register: Callable[[type[Any]], None]) -> None:
    """Register the screeners."""
    for name in SCREENERS:
        register(getattr(import_module(__name__), name))


@hookimpl
def register_analyses(register: Callable[[type[Any]], None]) -> None:
    """Register the analysis."""
    from sb3_prune_screening.activation_entropy import (  # noqa: PLC0415
        ActivationEntropy,
    )

    register(ActivationEntropy)
