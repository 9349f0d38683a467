"""What a strategy saves is all that it needs, and JSON."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from sb3_prune.exceptions import PluginError
from sb3_prune.strategies import AgentView, ScheduledConfig, ScheduledStrategy, Strategy
from sb3_prune.surgery import Plan, keep, remove, reset
from sb3_prune.testing import check_strategy

from .made import DropOne, Stores


class Forgets(DropOne):
    """Saves nothing of what it counts."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


class LoadsWrong(DropOne):
    """Loads something else than it saved."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.cuts = state["cuts"] + 1


class CannotLoad(DropOne):
    """Loads what it does not save."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.cuts = state["events"]


class SavesTensors(DropOne):
    """Saves what JSON cannot say."""

    def state_dict(self) -> dict[str, Any]:
        return {"cuts": torch.tensor(self.cuts)}


class SavesNan(DropOne):
    """Saves a number that JSON cannot say."""

    def state_dict(self) -> dict[str, Any]:
        return {"cuts": float("nan")}


class NoSuper(ScheduledStrategy):
    """Redraws units at events that it forgets when it is saved."""

    name = "no-super"
    Config = ScheduledConfig

    def events_due(self, progress: float) -> int:
        return int(progress >= 0.5)

    def propose_now(self, agent: AgentView) -> Plan:
        return Plan({n: reset([0], k, 1) for n, k in agent.wiring.units().items()})

    def state_dict(self) -> dict[str, Any]:
        return {"own": 1}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        assert state["own"] == 1


class RunningMean(DropOne):
    """Ranks units by a mean over time, which it does not save."""

    mean: Any = None

    def propose(self, agent: AgentView) -> Plan:
        sizes = {n: la.incoming().norm(dim=1) for n, la in agent.wiring.items()}
        old = self.mean or sizes
        self.mean = {n: old[n] + sizes[n] for n in sizes}
        if agent.progress < 1:
            return Plan()
        widths = agent.wiring.units()
        return Plan({n: keep([int(self.mean[n].argmax())], widths[n]) for n in widths})


class NumbersAsKeys(Stores):
    """Saves numbers as keys."""

    def note(self, agent: AgentView) -> None:
        self.seen = {1: 2}


class Live(Stores):
    """Saves its own object, which it changes."""

    def note(self, agent: AgentView) -> None:
        self.seen[str(agent.progress)] = 1


class LiveToTheEnd(Stores):
    """Saves its own object, which it clears in the end."""

    def detach(self) -> None:
        super().unhook()
        self.seen.clear()


class NoJsonAtLast(Stores):
    """Saves no JSON after the last look."""

    def note(self, agent: AgentView) -> None:
        self.seen = {} if agent.progress < 1 else {"set": {1}}


class NoDict(DropOne):
    """Saves nothing at all."""

    def state_dict(self) -> dict[str, Any]:
        return None  # type: ignore[return-value]


class LosesLater(Stores):
    """Loads what only a later look needs, and then does not use it."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.first = 0.0

    def note(self, agent: AgentView) -> None:
        self.first += 1

    def propose(self, agent: AgentView) -> Plan:
        self.note(agent)
        self.seen = {"count": len(self.seen)}
        due = self.first == 4
        widths = agent.wiring.units()
        return Plan({n: remove([0], k) for n, k in widths.items()} if due else {})


def test_a_state_that_keeps_the_contract() -> None:
    check_strategy(Stores)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Forgets, "0.5: restored .*, the strategy proposes another plan"),
        (LoadsWrong, 'the state {"cuts": 0}, the strategy saves {"cuts": 1}'),
        (CannotLoad, "load_state_dict raises KeyError"),
        (SavesTensors, "state_dict as JSON raises TypeError"),
        (SavesNan, "state_dict as JSON raises ValueError"),
        (NoSuper, "0.501: restored from its saved state, the strategy proposes"),
        (RunningMean, "1.0: restored from its saved state, the strategy proposes"),
        (NumbersAsKeys, "0.0: state_dict has the key 1, which JSON turns into text"),
        (Live, "0.0: what state_dict returned earlier, .*, has become"),
        (LiveToTheEnd, "after detach: what state_dict returned earlier"),
        (NoJsonAtLast, "1.0: state_dict as JSON raises TypeError"),
        (NoDict, "state_dict returns None, expected a dict"),
        (LosesLater, "0.501: restored from its saved state, the strategy proposes"),
    ],
)
def test_broken_strategies(cls: type[Strategy], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_strategy(cls)
