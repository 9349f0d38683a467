"""The strategy ``dsp``: dynamic structured pruning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import (
    SCORES,
    WEAK,
    AgentView,
    GradualConfig,
    GradualStrategy,
    Size,
    require_one_of,
)
from sb3_prune.surgery import HiddenLayer
from sb3_prune_dsp.acting import ActingStrategy
from sb3_prune_dsp.thresholds import units_left

Threshold = Literal["quantile", "cumulative", "literal"]


@dataclass(frozen=True, kw_only=True)
class DSPConfig(GradualConfig):
    """The options of gradual pruning, and how the threshold is read.

    Raises:
        ConfigError: A value is outside its range.
    """

    networks: tuple[str, ...] = ()
    """Prune and penalise only these networks; the actor if empty, or the Q-network of
    an algorithm without one."""
    penalty: Literal["none", "dsp", "group-lasso", "l1"] = "dsp"
    """Price on the weights of the networks that are pruned; dsp is the sum of the
    units' importance."""
    strength: float = WEAK
    """Factor of the penalty, lambda. Above 1e-7, cuts are plain by default."""
    threshold: Threshold = "quantile"
    """Which units are under the threshold p_t * sum(importance): the share p_t with the
    least importance (quantile), those whose running sum is below it (cumulative), or
    those whose own importance is (literal). The last two leave other numbers of units
    than ``final_sparsity`` says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("threshold", self.threshold, get_args(Threshold))
        if self.threshold != "quantile" and self.distribution == "erk":
            raise ConfigError(
                f"threshold={self.threshold!r} says by itself how many units a layer "
                "keeps: set distribution to 'uniform' for a sum over each layer, or to "
                "'global' for one over the whole network."
            )


class DSP(ActingStrategy, GradualStrategy):
    r"""Penalise the importance of units, and remove the least important ones.

    The importance of unit k is :math:`\Omega_k = \sum_i W_{l, k i}^2 \sum_o
    W_{l+1, o k}^2`. While the agent trains, the penalty :math:`\lambda \sum \Omega`
    joins the loss of the actor. At the events of a cubic schedule, the units under the
    threshold are removed; they never come back.
    """

    name = "dsp"
    reference = (
        'Su et al. 2024, "Compressing deep reinforcement learning networks with a '
        'dynamic structured pruning method for autonomous driving", equations 12, 13 '
        "and 16 to 18"
    )
    Config = DSPConfig
    config: DSPConfig

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return the importance of each unit, (units,); equation 12."""
        return SCORES["product"](layer, agent).square()

    def allot(
        self,
        sizes: Mapping[str, Size],
        sparsity: float,
        scores: Mapping[str, torch.Tensor],
    ) -> dict[str, int]:
        """Return how many units each layer of one network keeps."""
        if self.config.threshold == "quantile":
            return super().allot(sizes, sparsity, scores)
        return units_left(
            self.config.threshold,
            scores,
            sparsity,
            self.config.min_units,
            together=self.config.distribution == "global",
        )
