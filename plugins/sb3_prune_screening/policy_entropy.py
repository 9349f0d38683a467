"""Policy entropy: how evenly the agent chooses its actions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sb3_prune.screening import Screener, ScreenerConfig, Window
from sb3_prune_screening.histograms import require_base


@dataclass(frozen=True, kw_only=True)
class PolicyEntropyConfig(ScreenerConfig):
    """The window, and the unit of the entropy."""

    base: float = math.e
    """Base of the logarithm: e for nats, 2 for bits."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_base(self.base)


class PolicyEntropy(Screener):
    """Mean entropy of the agent's actions in the window."""

    name = "policy-entropy"
    reference = (
        'Jang & Kim 2021, "Entropy-aware model initialization for effective '
        'exploration in deep reinforcement learning"'
    )
    Config = PolicyEntropyConfig
    config: PolicyEntropyConfig

    def measure(self, window: Window) -> float:
        """Return the mean over the observations of the window."""
        return float(window.policy_entropies().mean()) / math.log(self.config.base)
