"""Strategies that keep the contract, to derive broken ones from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import AgentView, Strategy
from sb3_prune.surgery import Plan, merge, remove, reset


class DropOne(Strategy):
    """Removes one random unit per layer, twice at most."""

    name = "drop-one"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """How often."""

        times: int = 2
        """Number of cuts."""

        def __post_init__(self) -> None:
            if self.times < 0:
                raise ConfigError(f"times must not be negative, got {self.times}.")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.cuts = 0
        self.handles: list[Any] = []

    def attach(self, agent: AgentView) -> None:
        self.unhook()
        for layer in agent.wiring.values():
            hook = layer.module.register_forward_hook(lambda *_: None)
            self.handles.append(hook)

    def detach(self) -> None:
        self.unhook()
        self.cuts = 0

    def unhook(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    def draw(self, agent: AgentView, units: int) -> int:
        return int(agent.rng.integers(units))

    def propose(self, agent: AgentView) -> Plan:
        self.cuts += 1
        if self.cuts > self.config.times:
            return Plan()
        widths = agent.wiring.units()
        return Plan(
            {name: remove([self.draw(agent, k)], k) for name, k in widths.items()}
        )

    def state_dict(self) -> dict[str, Any]:
        return {"cuts": self.cuts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.cuts = state["cuts"]


class Mixing(DropOne):
    """Merges two units and resets one, reading activations."""

    name = "mixing"

    @property
    def mixes(self) -> bool:
        return True

    def propose(self, agent: AgentView) -> Plan:
        changes = {}
        for name, hidden in agent.activations().items():
            units = hidden.shape[1]
            if units == 1:
                continue
            pairs = [[0, 1], *([k] for k in range(2, units))]
            merged = merge(pairs, units)
            seed = int(agent.rng.integers(2**31))
            changes[name] = merged.then(reset([merged.after - 1], merged.after, seed))
        return Plan(changes)


class Stores(DropOne):
    """Saves a dictionary."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.seen: Any = {}

    def propose(self, agent: AgentView) -> Plan:
        self.note(agent)
        return Plan()

    def note(self, agent: AgentView) -> None:
        self.seen = {**self.seen, str(agent.progress): 1}

    def detach(self) -> None:
        super().detach()
        self.seen = {}

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.seen = dict(state["seen"])
