"""Magnitude pruning: remove the units with the smallest weights or activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from sb3_prune.strategies import (
    SCORES,
    AgentView,
    GradualConfig,
    GradualStrategy,
    require_one_of,
)
from sb3_prune.surgery import HiddenLayer

Measure = Literal["incoming", "outgoing", "product", "activation"]


@dataclass(frozen=True, kw_only=True)
class MagnitudeConfig(GradualConfig):
    """The options of gradual pruning, and how the magnitude of a unit is measured."""

    score: Measure = "product"
    """Norm of a unit's incoming or outgoing weights, both, or its mean activation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("score", self.score, get_args(Measure))


class Magnitude(GradualStrategy):
    """Remove the units with the smallest weights or activations, step by step."""

    name = "magnitude"
    reference = (
        "Zhu & Gupta 2017, equation 1 (schedule); Obando-Ceron et al. 2024, "
        '"In value-based deep RL, a pruned network is a good network"; here for whole '
        "units instead of single weights"
    )
    Config = MagnitudeConfig
    config: MagnitudeConfig

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return the magnitude of each unit, (units,)."""
        return SCORES[self.config.score](layer, agent)
