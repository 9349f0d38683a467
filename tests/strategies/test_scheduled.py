"""Tests for strategies/scheduled.py: what acts at events in training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import zoo

from sb3_prune.exceptions import (
    CheckpointError,
    ConfigError,
    NoObservationsError,
    UnknownNameError,
)
from sb3_prune.pruning import look_at
from sb3_prune.strategies import AgentView, ScheduledConfig, ScheduledStrategy
from sb3_prune.surgery import Plan, remove


class Quarters(ScheduledStrategy):
    """Remove a unit of the first layer at every quarter of the training."""

    name = "quarters"

    @dataclass(frozen=True, kw_only=True)
    class Config(ScheduledConfig):
        """When and where."""

    def events_due(self, progress: float) -> int:
        return int(4 * progress)

    def propose_now(self, agent: AgentView) -> Plan:
        first = next(iter(agent.wiring.values()))
        return Plan({first.name: remove([0], first.units)})


@pytest.fixture
def agent() -> AgentView:
    return look_at(zoo.make_model("SAC"), 0.0)


def proposals(strategy: Quarters, agent: AgentView, *moments: float) -> list[bool]:
    looks = [replace(agent, progress=progress) for progress in moments]
    return [bool(strategy.propose(look)) for look in looks]


def test_every_event_is_proposed_once(agent: AgentView) -> None:
    moments = (0.0, 0.1, 0.25, 0.3, 0.6, 0.6, 1.0)
    expected = [False, False, True, False, True, False, True]
    assert proposals(Quarters(), agent, *moments) == expected


def test_events_that_were_missed_count_as_the_last(agent: AgentView) -> None:
    assert proposals(Quarters(), agent, 0.0, 0.9, 0.95) == [False, True, False]


def test_another_run_begins_anew(agent: AgentView) -> None:
    assert proposals(Quarters(), agent, 0.9, 0.0, 0.3) == [True, False, True]


def test_another_run_carries_out_events_at_its_start(agent: AgentView) -> None:
    class FromTheStart(Quarters):
        """The first event is due at once."""

        def events_due(self, progress: float) -> int:
            return 1 + super().events_due(progress)

    moments, expected = (0.9, 0.0, 0.1, 0.3), [True, True, False, True]
    assert proposals(FromTheStart(), agent, *moments) == expected


def test_a_run_that_was_made_longer_repeats_no_event(agent: AgentView) -> None:
    strategy = Quarters()
    strategy.load_state_dict({"event": 3})
    assert proposals(strategy, agent, 0.3, 0.4, 0.5) == [False, False, True]


def test_a_detached_strategy_begins_anew(agent: AgentView) -> None:
    strategy = Quarters()
    assert proposals(strategy, agent, 0.5) == [True]
    strategy.detach()
    assert proposals(strategy, agent, 0.5) == [True]


def test_a_resumed_strategy_goes_on_after_the_last_event(agent: AgentView) -> None:
    first, second = Quarters(), Quarters()
    proposals(first, agent, 0.5)
    second.load_state_dict(first.state_dict())
    assert proposals(second, agent, 0.6, 0.75) == [False, True]


def test_unknown_networks_are_refused(agent: AgentView) -> None:
    strategy = Quarters(Quarters.Config(networks=("actor", "critic.qf9")))
    with pytest.raises(UnknownNameError, match=r"network 'critic\.qf9'.*critic\.qf1"):
        strategy.attach(agent)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"begin": -0.1}, "got begin = -0.1, end = 0.8"),
        ({"end": 1.1}, "got begin = 0.2, end = 1.1"),
        ({"begin": 0.9}, "0 <= begin <= end <= 1, got begin = 0.9, end = 0.8"),
        ({"networks": 3}, r"names such as \['actor'\], got 3"),
        ({"networks": None}, r"names such as \['actor'\], got None"),
        ({"begin": 10**400}, "got begin = 1000"),
        ({"networks": "actor"}, r"names such as \['actor'\], got the string 'actor'"),
    ],
)
def test_errors_name_the_value_and_the_range(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ScheduledConfig(**options)


def test_lists_of_networks_become_tuples() -> None:
    networks: Any = ["actor"]
    assert ScheduledConfig(networks=networks).networks == ("actor",)


@pytest.mark.parametrize("state", [{}, None, {"event": "2"}, {"event": True}])
def test_a_damaged_state_is_refused(state: Any) -> None:
    strategy = Quarters()
    for wrong in (state, {"event": -1}):
        with pytest.raises(CheckpointError, match="'event' in the saved state"):
            strategy.load_state_dict(wrong)
    assert strategy.state_dict() == {"event": 0}


def test_an_event_without_observations_stays_due(agent: AgentView) -> None:
    class Blind(Quarters):
        """Sees something at its second look only."""

        looks = 0

        def propose_now(self, agent: AgentView) -> Plan:
            self.looks += 1
            if self.looks == 1:
                raise NoObservationsError
            return super().propose_now(agent)

    strategy = Blind()
    with pytest.raises(NoObservationsError):
        proposals(strategy, agent, 0.3)
    assert strategy.state_dict() == {"event": 0}
    assert proposals(strategy, agent, 0.31, 0.32) == [True, False]


class Window(Quarters):
    """Acts in the middle of the training only."""

    def events_due(self, progress: float) -> int:
        return int(0.2 <= progress <= 0.6)


def test_it_is_over_once_all_events_are_due_or_at_the_end() -> None:
    quarters = Quarters(Quarters.Config(end=1.0))
    assert [quarters.is_over(p) for p in (0.0, 0.9, 1.0)] == [False, False, True]
    window = Window(Window.Config(begin=0.2, end=0.6))
    assert [window.is_over(p) for p in (0.0, 0.3, 0.6)] == [False, False, True]
