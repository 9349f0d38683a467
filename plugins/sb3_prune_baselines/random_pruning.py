"""Random pruning."""

from __future__ import annotations

import torch

from sb3_prune.strategies import SCORES, AgentView, GradualConfig, GradualStrategy
from sb3_prune.surgery import HiddenLayer


class RandomPruning(GradualStrategy):
    """Remove units drawn at random, step by step; what every score must beat."""

    name = "random"
    reference = (
        'Liu et al. 2022, "The unreasonable effectiveness of random pruning"; '
        "here for whole units"
    )
    Config = GradualConfig

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return a draw for each unit, (units,)."""
        return SCORES["random"](layer, agent)
