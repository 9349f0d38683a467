"""The strategy ``reconstruct``: keep the units that can express the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, get_args

import torch

from sb3_prune.compensation import Choice
from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import (
    AgentView,
    GradualConfig,
    GradualStrategy,
    require_finite,
    require_one_of,
)
from sb3_prune.surgery import HiddenLayer, Plan
from sb3_prune_reconstruct.choosing import Chooser
from sb3_prune_reconstruct.tolerance import Limit, smallest


@dataclass(frozen=True, kw_only=True)
class ReconstructConfig(GradualConfig):
    """Which units stay, and how many.

    Raises:
        ConfigError: A value is outside its range.
    """

    choice: Choice = "backward"
    """How units are ranked: by removing, one by one, the unit that readers miss least;
    by QR with pivoting of their activations, plain or centred; or by their standard
    deviation times the norm of the weights that read them."""
    tolerance: float | None = None
    """Remove as many units as keep the outputs of each network within this relative
    error on observations that are held out, all at once at end, or at begin with the
    schedule one-shot. Then final_sparsity, initial_sparsity, steps and distribution
    have no effect."""
    measure: Limit = "error"
    """What the tolerance limits: the relative error of actions and values, or kl, the
    divergence of the actions' distribution in nats (values stay with their error);
    agents without such a distribution, as of DQN and TD3, refuse it."""
    compensate: bool | None = True
    """Let the units that stay take over what removed units did. Without this, the
    choice makes little sense."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("choice", self.choice, get_args(Choice))
        require_one_of("measure", self.measure, get_args(Limit))
        if self.tolerance is None:
            if self.measure != "error":
                raise ConfigError(
                    f"measure={self.measure!r} needs a tolerance to limit: there is "
                    "none."
                )
            return
        require_finite("tolerance", self.tolerance)
        if not self.tolerance:
            raise ConfigError(f"tolerance must be positive, got {self.tolerance}.")


class Reconstruct(GradualStrategy):
    """Keep the units whose activations can express those of the others.

    The units are chosen by recorded activations, and what read the others is fitted to
    read the units that stay. With ``tolerance``, the strategy finds the number of units
    by itself, at the end of its schedule.
    """

    name = "reconstruct"
    reference = (
        'Chee, Renz, Damle, De Sa 2022, "Model preserving compression for neural '
        'networks" (interpolative decomposition)'
    )
    Config = ReconstructConfig
    config: ReconstructConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._chooser: Chooser

    def propose_now(self, agent: AgentView) -> Plan:
        """Return the cuts of the event that is due."""
        agent = replace(agent, inputs=cache(agent.inputs))
        self._chooser = Chooser(agent, self.config)
        if self.config.tolerance is None:
            cuts = super().propose_now(agent)
            return self._chooser.plan({name: cut.after for name, cut in cuts.items()})
        if self.events_due(agent.progress) < self.events_due(1.0):
            return Plan()
        return smallest(agent, self._chooser, self.config, self.compensates)

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return the relative error that is left without the unit, (units,)."""
        del agent  # All layers were ranked at once.
        return self._chooser.rankings[layer.name].scores()
