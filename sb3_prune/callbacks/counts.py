"""Counts: what a callback that prunes logs of an agent's size, at every dump."""

from __future__ import annotations

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger

from sb3_prune.evaluation.complexity import complexity
from sb3_prune.strategies.base import AgentView

UNITS = "prune/units"


class Counts:
    """Keeps the counts, because the logger forgets its values at each dump.

    Attributes:
        fitted: What is logged of the last compensated cut, by name.
    """

    def __init__(self) -> None:
        self.fitted: dict[str, float] = {}
        self._values: dict[str, float] = {}
        self._undumped = self._recorded = False

    def take(self, model: BaseAlgorithm, agent: AgentView) -> dict[str, int]:
        """Count a model whose units have changed; return the units of its layers."""
        units = agent.wiring.active_units()
        count = complexity(model)
        initial = sum(agent.initial_units.values())
        self._undumped, self._recorded = True, False
        self._values = {f"{UNITS}/{name}": n for name, n in units.items()} | {
            UNITS: count.units,
            "prune/sparsity": 1 - count.units / initial,
            "prune/params_deploy": count.params_deploy,
            "prune/params_train": count.params_train,
        }
        return units

    def can_wait(self) -> None:
        """Leave the counts to SB3's dumps: there was no cut since they were told."""
        self._undumped = False

    def record(self, logger: Logger) -> None:
        """Record the counts again: each dump of the logger empties its values."""
        if self._recorded and UNITS not in logger.name_to_value:
            self._undumped = False
        self._recorded = True
        for name, value in (self._values | self.fitted).items():
            logger.record(name, value)

    def dump(self, logger: Logger, steps: int) -> None:
        """Dump counts that SB3 will dump no more, at the end of a training."""
        self.record(logger)
        if self._undumped:
            logger.record("time/total_timesteps", steps, exclude="tensorboard")
            logger.dump(steps)
            self.record(logger)  # For what other callbacks dump now.
