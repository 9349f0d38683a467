"""Dormant share: the share of units that do hardly anything."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sb3_prune.exceptions import require_finite
from sb3_prune.screening import Screener, ScreenerConfig, Window
from sb3_prune.screening.base import Direction


@dataclass(frozen=True, kw_only=True)
class DormantShareConfig(ScreenerConfig):
    """The window, and when a unit is dormant."""

    direction: Direction = "below"
    """Which runs go on: by default those with a smaller share than the threshold."""
    score: float = 0.025
    """Largest score of a dormant unit: its mean absolute activation, relative to the
    mean of its layer."""
    networks: tuple[str, ...] = ()
    """Paths of networks; those that choose actions if there are none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finite("score", self.score)


class DormantShare(Screener):
    """Share of hidden units that are dormant in the window."""

    name = "dormant-share"
    reference = (
        'Sokar et al. 2023, "The dormant neuron phenomenon in deep reinforcement '
        'learning", definition 3.1'
    )
    Config = DormantShareConfig
    config: DormantShareConfig

    def measure(self, window: Window) -> float:
        """Return the share; units of a layer that is silent are all dormant."""
        layers = window.activations(self.config.networks).values()
        dormant = torch.cat([self._dormant(rows) for rows in layers])
        return float(dormant.double().mean())  # 0.7 of float32 is less than 0.7.

    def _dormant(self, rows: torch.Tensor) -> torch.Tensor:
        mean = rows.abs().mean(dim=0)
        return mean <= self.config.score * mean.mean()
