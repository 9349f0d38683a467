"""An example plug-in: remove the units with the smallest biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sb3_prune.exceptions import ConfigError
from sb3_prune.plugins import hookimpl
from sb3_prune.strategies import AgentView, Strategy, entry_of
from sb3_prune.surgery import Change, HiddenLayer, Plan, remove


class SmallestBias(Strategy):
    """Remove the units with the smallest biases from every hidden layer, once."""

    name = "smallest-bias"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """When to remove units, and how many.

        Raises:
            ConfigError: A value is outside its range.
        """

        at: float = 0.5
        """Share of training after which the units are removed, in [0, 1]."""
        share: float = 0.25
        """Share of each layer's units to remove, in [0, 1)."""

        def __post_init__(self) -> None:
            if not 0 <= self.at <= 1:
                raise ConfigError(f"at must be in [0, 1], got {self.at}.")
            if not 0 <= self.share < 1:
                raise ConfigError(f"share must be in [0, 1), got {self.share}.")

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._done = False

    def propose(self, agent: AgentView) -> Plan:
        """Return the removal when it is due; before and after that, an empty plan."""
        if self._done or agent.progress < self.config.at:
            return Plan()
        self._done = True
        cuts = {name: self._cut(layer) for name, layer in agent.wiring.items()}
        return Plan({name: cut for name, cut in cuts.items() if cut is not None})

    def _cut(self, layer: HiddenLayer) -> Change | None:
        biases = getattr(layer.module, "bias", None)
        # LSTMs have four biases per unit, and some layers have none.
        if not isinstance(biases, torch.Tensor) or len(biases) != layer.units:
            return None
        # int() rounds down and share < 1, so at least one unit stays.
        count = int(self.config.share * layer.units)
        order = biases.detach().abs().argsort(stable=True)
        return remove(order[:count].tolist(), layer.units)

    def detach(self) -> None:
        """Be as new, because the next run may be with another agent."""
        super().detach()
        self._done = False

    def state_dict(self) -> dict[str, Any]:
        """Return whether the units were removed."""
        return {"done": self._done}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self._done = entry_of(state, "done", bool)


@hookimpl
def register_strategies(register: Callable[[type[Strategy]], None]) -> None:
    """Register the strategy."""
    register(SmallestBias)
