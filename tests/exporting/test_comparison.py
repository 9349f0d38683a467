"""A comparison asks as users do, and says who fails."""

from __future__ import annotations

from typing import Any

import exported
import pytest
import zoo

from exporting.test_tracing import asked
from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.checking import check_against


def test_one_observation_is_checked_beside_batches() -> None:
    class Stuck(Agent):
        """Says 0 of an observation alone."""

        def predict(self, observation: Any, *args: Any, **kwargs: Any) -> Any:
            action, state = super().predict(observation, *args, **kwargs)
            return (action if action.ndim else action * 0), state

    agent = asked(exported.decision("DQN"))
    with pytest.raises(ExportError, match="one observation and on a batch"):
        check_against(Stuck(agent.facts, agent.run), exported.agent("DQN"), None)


def test_who_fails_is_named() -> None:
    def fail(*_: Any) -> Any:
        raise TypeError("no such thing")

    facts = exported.decision("SAC")
    with pytest.raises(ExportError, match=r"export fails \(space 0\).*no such thing"):
        check_against(Agent(asked(facts).facts, fail), exported.agent("SAC"), None)
    model = zoo.make_model("SAC")
    model.policy.double()
    with pytest.raises(ExportError, match="agent itself fails"):
        check_against(asked(facts), model, None)
