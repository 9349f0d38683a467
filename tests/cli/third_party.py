"""Third-party plug-ins, for the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sb3_prune.exceptions import ConfigError
from sb3_prune.plugins import hookimpl
from sb3_prune.strategies import AgentView, Strategy
from sb3_prune.surgery import Plan, remove


class DropFirst(Strategy):
    """Remove the first units of every hidden layer."""

    name = "drop-first"
    reference = "Nobody 2024"

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Config:
        """How many."""

        how_many: int = 2
        """Units that every layer loses."""

        def __post_init__(self) -> None:
            if self.how_many < 0:
                raise ConfigError(f"how_many must be positive, got {self.how_many}.")

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._done = False

    def propose(self, agent: AgentView) -> Plan:
        """Return the cut, once."""
        if self._done:
            return Plan()
        self._done = True
        gone = range(self.config.how_many)
        layers = agent.wiring.items()
        return Plan({name: remove(list(gone), layer.units) for name, layer in layers})


class Seeded(DropFirst):
    """Has an option that the command has, too."""

    name = "seeded"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Another seed."""

        how_many: int = 1
        """Units that every layer loses."""
        seed: int = 7
        """Seed of the strategy."""


class Plugin:
    """Registers both."""

    @hookimpl
    def register_strategies(self, register: Callable[[type], None]) -> None:
        register(DropFirst)
        register(Seeded)
