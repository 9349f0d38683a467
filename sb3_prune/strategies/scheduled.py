"""Base class and options of strategies that act at a few events during training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sb3_prune.exceptions import (
    CheckpointError,
    ConfigError,
    NoObservationsError,
    shown,
)
from sb3_prune.plugins.options import entry_of
from sb3_prune.strategies.base import AgentView, Strategy
from sb3_prune.surgery.plan import Plan


@dataclass(frozen=True, kw_only=True)
class ScheduledConfig:
    """When units change, and in which networks.

    Raises:
        ConfigError: A value is outside its range.
    """

    begin: float = 0.2
    """Share of training before which no event is due."""
    end: float = 0.8
    """Share of training at which the last event is due."""
    networks: tuple[str, ...] = ()
    """Change only these networks, e.g. ``actor`` or ``critic.qf0``; all if empty."""

    def __post_init__(self) -> None:
        if not 0 <= self.begin <= self.end <= 1:
            raise ConfigError(
                "Expected 0 <= begin <= end <= 1, "
                f"got begin = {self.begin}, end = {self.end}."
            )
        given: Any = self.networks
        if isinstance(given, str) or not isinstance(given, Iterable):
            kind = "the string " if isinstance(given, str) else ""
            raise ConfigError(
                f"networks must be a list of names such as ['actor'], got {kind}"
                f"{shown(given)}."
            )
        # YAML gives a list.
        object.__setattr__(self, "networks", tuple(self.networks))


class ScheduledStrategy(Strategy):
    """Changes units at a few events during training, and is idle in between.

    A subclass implements :meth:`events_due`, the number of events so far, and
    :meth:`propose_now`, the plan of an event. This class remembers the last event and
    saves it, so that a resumed run does not repeat it.
    """

    config: ScheduledConfig

    @classmethod
    def broken_rules(cls) -> Iterator[str]:
        """Yield that the options lack those of a schedule, if that is so."""
        if not issubclass(cls.Config, ScheduledConfig):
            yield "its Config is not derived from ScheduledConfig"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._event = 0

    @property
    def compensates(self) -> bool | None:
        """Whether cuts are compensated: the config's ``compensate`` if it has one."""
        return getattr(self.config, "compensate", False)

    @abstractmethod
    def events_due(self, progress: float) -> int:
        """Return the number of events due so far; 0 before the first event.

        Nothing else enforces the options ``begin`` and ``end``: it is this method that
        has to honour them.

        Args:
            progress: Share of training done, in [0, 1].
        """

    @abstractmethod
    def propose_now(self, agent: AgentView) -> Plan:
        """Return the plan of the event that is due now."""

    def is_over(self, progress: float) -> bool:
        """Tell whether all events are due: of a one-shot schedule at its begin."""
        last = self.events_due(1.0)
        return progress >= self.config.end or 0 < last <= self.events_due(progress)

    def attach(self, agent: AgentView) -> None:
        """Check that the networks to change exist.

        A subclass that overrides this method must call ``super().attach(agent)``.

        Raises:
            UnknownNameError: The agent has no such network.
        """
        agent.wiring.by_network(self.config.networks)  # Raises on unknown names.

    def detach(self) -> None:
        """Forget the last event, because the next run may be with another agent.

        A resumed run does not forget: ``PruningCallback`` keeps the state from before.
        """
        self._event = 0

    def propose(self, agent: AgentView) -> Plan:
        """Return the plan of the event that is due; an empty plan if none is.

        If several events are due at once, as after a long rollout, only the last one
        is carried out. If the number of events has become smaller, another run has
        begun, or the same run was made longer: nothing is due before the number grows,
        except for events at the very start of a run. An event for which there are too
        few observations stays due.

        Raises:
            NoObservationsError: The event needs more observations.
        """
        with self._stays_due():
            due = self.takes_event(agent.progress)
            return self.propose_now(agent) if due else Plan()

    @contextmanager
    def _stays_due(self) -> Iterator[None]:
        """Let an event that needs more observations be due again."""
        last = self._event
        try:
            yield
        except NoObservationsError:
            self._event = last
            raise

    def takes_event(self, progress: float) -> bool:
        """Tell whether an event is due; it counts as done from now on.

        Args:
            progress: Share of training done, in [0, 1].
        """
        last, self._event = self._event, self.events_due(progress)
        if self._event < last:
            last = 0 if self.events_due(0.0) else self._event
        return self._event > last

    def state_dict(self) -> dict[str, Any]:
        """Return the number of the last event."""
        return {"event": self._event}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the number of the last event.

        Raises:
            CheckpointError: There is no such number.
        """
        event = entry_of(state, "event", int)
        if event < 0:
            raise CheckpointError(
                f"'event' in the saved state must be 0 or more: {event}."
            )
        self._event = event
