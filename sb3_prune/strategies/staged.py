"""Base class and options of strategies whose sparsity grows by a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sb3_prune.exceptions import require_one_of
from sb3_prune.strategies.penalised import PenalisedConfig, PenalisedStrategy
from sb3_prune.strategies.schedules import SCHEDULES, Schedule


@dataclass(frozen=True, kw_only=True)
class StagedConfig(PenalisedConfig):
    """When how much is removed; a subclass says of what the sparsity is a share.

    Raises:
        ConfigError: A value is outside its range.
    """

    final_sparsity: float = 0.8
    """Share that is gone by ``end``, in [0, 1)."""
    initial_sparsity: float = 0.0
    """Share removed at ``begin`` at once, in [0, final_sparsity]."""
    steps: int = 20
    """Number of pruning events from ``begin`` to ``end``."""
    schedule: Literal["one-shot", "linear", "cubic", "periodic"] = "cubic"
    """How the sparsity grows from ``begin`` to ``end``."""

    def __post_init__(self) -> None:
        require_one_of("schedule", self.schedule, SCHEDULES)
        self.build_schedule()
        super().__post_init__()

    def build_schedule(self) -> Schedule:
        """Return the schedule that the configuration describes."""
        return SCHEDULES[self.schedule](
            initial=self.initial_sparsity,
            final=self.final_sparsity,
            begin=self.begin,
            end=self.end,
            steps=self.steps,
        )


class StagedStrategy(PenalisedStrategy):
    """A strategy whose events, and the sparsity after each, are those of a schedule."""

    config: StagedConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._schedule = self.config.build_schedule()

    def events_due(self, progress: float) -> int:
        """Return how many events of the schedule are due so far."""
        return self._schedule.event(progress)
