"""Random pruning: the baseline of every score."""

from __future__ import annotations

import torch

from sb3_prune.strategies import SCORES, AgentView, GradualConfig, GradualStrategy
from sb3_prune.surgery import HiddenLayer


class RandomPruning(GradualStrategy):
    """Remove randomly drawn units, step by step: the baseline of every score."""

    name = "random"
    reference = (
        'Liu et al. 2022, "The unreasonable effectiveness of random pruning"; '
        "here for whole units"
    )
    Config = GradualConfig

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return a random number for each unit, (units,)."""
        return SCORES["random"](layer, agent)
