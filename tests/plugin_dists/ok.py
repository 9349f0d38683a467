"""A plug-in that keeps the contract."""

from dataclasses import dataclass

from sb3_prune.plugins import hookimpl
from sb3_prune.strategies import AgentView, Strategy
from sb3_prune.surgery import Plan


class Idle(Strategy):
    """Does nothing."""

    name = "idle"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """What to do."""

        at: float = 0.5
        """When to do it."""

    def propose(self, agent: AgentView) -> Plan:
        """Change nothing."""
        return Plan()


@hookimpl
def register_strategies(register):
    """Register the strategy."""
    register(Idle)
