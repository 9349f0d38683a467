"""Gradual magnitude pruning: mask the smallest single weights."""

from __future__ import annotations

import torch

from sb3_prune.strategies import AgentView, WeightStrategy


class GradualMagnitude(WeightStrategy):
    """Mask the smallest single weights, step by step."""

    name = "gmp"
    reference = (
        "Zhu & Gupta 2017, equation 1; Obando-Ceron et al. 2024, "
        '"In value-based deep RL, a pruned network is a good network"'
    )

    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        """Return the absolute value of each weight."""
        del agent
        return weight.abs()
