"""The strategy ``l1``: a price on each weight; small ones are masked for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from sb3_prune.strategies import (
    AgentView,
    WeightConfig,
    WeightStrategy,
    require_finite,
)
from sb3_prune_dsp.acting import ActingStrategy


@dataclass(frozen=True, kw_only=True)
class L1Config(WeightConfig):
    """The options of weight pruning, with a price on weights, and a threshold.

    Raises:
        ConfigError: A value is outside its range.
    """

    networks: tuple[str, ...] = ()
    """Mask and penalise only these networks; the actor if empty, or the Q-network of
    an algorithm without one."""
    penalty: Literal["none", "dsp", "group-lasso", "l1"] = "l1"
    """Price on the weights of the networks that are pruned."""
    threshold: float | None = None
    """At each event, mask all weights whose absolute value is below this, whatever
    ``final_sparsity`` says; by default, the share that the schedule says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold is not None:
            require_finite("threshold", self.threshold)


class L1(ActingStrategy, WeightStrategy):
    r"""Penalise the absolute values of weights, and mask the smallest ones.

    The penalty :math:`\lambda \sum |W_{ij}|` joins the loss. Units that only masked
    weights feed, or only such read, are removed.
    """

    name = "l1"
    reference = (
        'Han et al. 2015, "Learning both weights and connections", as Su et al. 2024 '
        "compare with"
    )
    Config = L1Config
    config: L1Config

    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        """Return the absolute value of each weight."""
        del agent
        return weight.abs()

    def masks(
        self,
        modules: Mapping[str, Any],
        counts: Mapping[str, int],
        sparsity: float,
        agent: AgentView,
    ) -> dict[str, torch.Tensor]:
        """Return the masks of one network's weights, by path."""
        if self.config.threshold is None:
            return super().masks(modules, counts, sparsity, agent)
        least = self.config.threshold
        return {path: large(m.weight, least) for path, m in modules.items()}


def large(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return which weights are not below a threshold; the largest stay anyhow."""
    sizes = weight.detach().abs()
    return sizes >= min(threshold, float(sizes.max()))
