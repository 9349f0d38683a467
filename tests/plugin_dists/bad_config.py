"""A plug-in with a class that keeps the contract and one whose options do not."""

from dataclasses import dataclass

from sb3_prune.plugins import hookimpl
from sb3_prune.strategies import AgentView, Strategy
from sb3_prune.surgery import Plan


class Good(Strategy):
    """Does nothing."""

    name = "good"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """What to do."""

        at: float = 0.5
        """When to do it."""

    def propose(self, agent: AgentView) -> Plan:
        """Change nothing."""
        return Plan()


class Bad(Good):
    """Has options that can change."""

    name = "bad"

    @dataclass
    class Config:
        """Neither frozen nor keyword-only."""


@hookimpl
def register_strategies(register):
    """Register both strategies."""
    register(Good)
    register(Bad)
