"""The abstract strategy: it looks at an agent's hidden units and proposes a plan."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class AgentView:
    """What a strategy may look at; it must not change any of it."""

    model: BaseAlgorithm
    """The live model."""
    wiring: Wiring
    """Its hidden layers as they are now."""
    initial_units: Mapping[str, int]
    """Units of every hidden layer when the network was built."""
    progress: float
    """Share of training done, in [0, 1]."""
    rng: np.random.Generator
    """Source of the strategy's randomness."""
    activations: Callable[[], Mapping[str, torch.Tensor]]
    """Record the hidden units on recent observations: layer name -> (batch, units)."""


@base_of("strategies")
class Strategy(Pluggable):
    """Proposes which units to change, and when.

    Plug-ins register strategies by the hook ``register_strategies``.
    """

    @abstractmethod
    def propose(self, agent: AgentView) -> Plan:
        """Return the plan to carry out now; empty for nothing.

        It is called between rollouts, often: answer fast when nothing is due.
        """

    def attach(self, agent: AgentView) -> None:
        """Start: check the configuration against the agent, register hooks.

        It is called when training starts and again after each cut, for a cut replaces
        parameters. Calling it twice must do no harm.
        """

    def detach(self) -> None:
        """Stop: remove every hook."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs, JSON-able."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
