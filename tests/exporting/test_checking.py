"""A check finds every export that acts differently, and forgives ties alone."""

from __future__ import annotations

from typing import Any

import exported
import numpy as np
import pytest
import torch
import zoo

from exporting.test_normalisation import vecnormalize
from exporting.test_tracing import asked
from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.checking import check_against
from sb3_prune.exporting.tracing import trace


def wrong(name: str, output: int, change: Any) -> Agent:
    """Return an export with another output."""
    agent = asked(exported.decision(name))
    run = agent.run

    def decide(*inputs: np.ndarray) -> list[np.ndarray]:
        found = list(run(*inputs))
        found[output] = change(found[output])
        return found

    return Agent(agent.facts, decide)


@pytest.mark.parametrize(
    ("name", "output", "change", "message"),
    [
        ("SAC", 0, lambda a: a + np.float32(1e-4), r"action, space 0, entry \(0, 0\)"),
        ("SAC", 0, lambda a: a * np.nan, "nan, expected"),
        ("PPO", 0, lambda a: 1 - a, r"space 0, row 0\): \[[01]\], expected"),
        ("PPO-two", 0, lambda a: a * 0, "row"),
        ("PPO-binary", 0, lambda a: 1 - a, "row 0"),
        ("RecurrentPPO", 2, lambda a: a + np.float32(1e-3), "state, space 0"),
    ],
)
def test_what_acts_differently(
    name: str, output: int, change: Any, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        check_against(wrong(name, output, change), exported.agent(name), None)


def test_ties_are_forgiven_and_counted() -> None:
    model = zoo.make_model("DQN")
    with torch.no_grad():
        model.policy.q_net.q_net[-1].weight[1] = model.policy.q_net.q_net[-1].weight[0]
        model.policy.q_net.q_net[-1].bias[:] = 0
    agent = asked(trace(model))
    other = Agent(agent.facts, lambda *x: [1 - array for array in agent.run(*x)])
    assert check_against(agent, model, None).ties == 0
    assert check_against(other, model, None).ties == 1000


def test_every_source_counts() -> None:
    model, env = exported.agent("SAC"), vecnormalize()
    check = check_against(asked(trace(model, env)), model, env, "Pendulum-v1")
    assert check.sources == {"space": 1000, "statistics": 1000, "episodes": 1000}
    assert check.to_dict()["observations"] == 3000
    assert check.largest_difference < 2e-5  # Actions up to 2.


def test_forgotten_statistics_are_found() -> None:
    model, env = exported.agent("SAC"), vecnormalize()
    with pytest.raises(ExportError, match="acts differently"):
        check_against(asked(exported.decision("SAC")), model, env)
