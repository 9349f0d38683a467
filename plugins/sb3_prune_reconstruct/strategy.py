"""The strategy ``reconstruct``: keep the units that can express the others."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import torch

from sb3_prune.strategies import AgentView, GradualStrategy
from sb3_prune.surgery import HiddenLayer, Plan
from sb3_prune_reconstruct.choosing import Chooser
from sb3_prune_reconstruct.config import ReconstructConfig
from sb3_prune_reconstruct.tolerance import smallest


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
