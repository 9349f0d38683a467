"""The strategy ``dropout``: units dropped at random, once and for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from sb3_prune.strategies import SCORES, AgentView, GradualConfig, GradualStrategy
from sb3_prune.surgery import HiddenLayer
from sb3_prune_dsp.acting import ActingStrategy


@dataclass(frozen=True, kw_only=True)
class DropoutConfig(GradualConfig):
    """The options of gradual pruning, with a single event.

    Raises:
        ConfigError: A value is outside its range.
    """

    networks: tuple[str, ...] = ()
    """Prune only these networks; the actor if empty, or the Q-network of an algorithm
    without one."""
    schedule: Literal["one-shot", "linear", "cubic", "periodic"] = "one-shot"
    """How the sparsity grows from ``begin`` to ``end``: one-shot drops all units at
    ``begin``; the others draw anew at every event."""


class Dropout(ActingStrategy, GradualStrategy):
    """Drop units at random at a given ratio, once; the others learn without them."""

    name = "dropout"
    reference = (
        'Srivastava et al. 2014, "Dropout", as Su et al. 2024 compare with, but for '
        "units that stay away"
    )
    Config = DropoutConfig
    config: DropoutConfig

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return a random number for each unit, (units,)."""
        return SCORES["random"](layer, agent)
