"""A check finds every export that acts differently, and forgives ties alone."""

from __future__ import annotations

from typing import Any

import exported
import numpy as np
import pytest
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
import zoo
from gymnasium import spaces
from torch import nn

from exporting.test_normalisation import vecnormalize
from exporting.test_tracing import asked
from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.checking import check_against
from sb3_prune.exporting.extras import scores
from sb3_prune.exporting.rounding import rounding
from sb3_prune.exporting.samples import from_space
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
    check = check_against(other, model, None)
    assert (check.ties, check.rounding) == (1000, 0)  # Nothing had to be granted.


def test_small_values_excuse_no_choice() -> None:
    """Within 1e-5 of each other, but the agent does see which is best."""
    model: Any = exported.anyhow(exported.BOX, spaces.Discrete(4), sb3.DQN)
    with torch.no_grad():
        for each in model.policy.q_net.q_net[-1].parameters():
            each.mul_(1e-5)
    agent = asked(trace(model))
    other = Agent(agent.facts, lambda x: [(agent.run(x)[0] + 1) % 4])
    assert check_against(agent, model, None).ties == 0
    with pytest.raises(ExportError, match="row 0"):
        check_against(other, model, None)


LARGE = spaces.Box(-1000, 1000, (2,), np.int64)


def unstable(actions: Any, algorithm: Any) -> tuple[Any, float]:
    """Return an agent that rounds badly, thousands cancel each other out, and how."""
    model: Any = exported.anyhow(LARGE, actions, algorithm, activation_fn=nn.ReLU)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(1.5)
    seen = torch.as_tensor(from_space(LARGE, 1000, np.random.default_rng(0))[""])

    def ask(policy: Any, *given: Any) -> Any:
        if isinstance(actions, spaces.Discrete):
            return scores(policy, *given)
        return policy._predict(*given, deterministic=True)

    return model, rounding(model.policy, ask, [seen])[0]


@pytest.mark.parametrize("algorithm", [sb3.PPO, sb3.TD3])
def test_rounding_of_the_agent_itself_is_no_fault_of_its_export(algorithm: Any) -> None:
    model, found = unstable(exported.BOX, algorithm)
    agent = asked(trace(model))

    def off(times: float) -> Agent:
        return Agent(agent.facts, lambda x: [agent.run(x)[0] + times * found])

    check = check_against(off(5), model, None)
    assert check.largest_difference > check.tolerance
    assert check.rounding == pytest.approx(found)
    with pytest.raises(ExportError, match="acts differently"):
        check_against(off(30), model, None)


class Jump(nn.Module):
    """Answers 1 in float64 and 0 in float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ones or zeros."""
        return torch.full_like(x, float(x.dtype == torch.float64))


def test_no_rounding_is_granted_without_limit() -> None:
    model: Any = exported.anyhow(exported.BOX, exported.BOX, sb3.TD3)
    model.policy.actor.mu.append(Jump())
    agent = asked(trace(model))
    off = Agent(agent.facts, lambda x: [agent.run(x)[0] + np.float32(0.01)])
    check_against(agent, model, None)
    with pytest.raises(ExportError, match=r"accepted was a difference of 1.0e-03"):
        check_against(off, model, None)


def test_every_source_counts() -> None:
    model, env = exported.agent("SAC"), vecnormalize()
    check = check_against(asked(trace(model, env)), model, env, "Pendulum-v1")
    assert check.sources == {"space": 1000, "statistics": 1000, "episodes": 1000}
    assert check.to_dict()["observations"] == 3000
    assert check.largest_difference < 2e-5  # Actions up to 2.
    assert check.rounding == 0


def test_forgotten_statistics_are_found() -> None:
    model, env = exported.agent("SAC"), vecnormalize()
    with pytest.raises(ExportError, match="acts differently"):
        check_against(asked(exported.decision("SAC")), model, env)


def test_no_box_is_too_wide_to_check() -> None:
    """Actions that are clipped are not as large as their box."""
    model = exported.anyhow(exported.BOX, spaces.Box(-1e6, 1e6, (2,), np.float32))
    agent = asked(trace(model))
    off = Agent(agent.facts, lambda *x: [a + np.float32(0.01) for a in agent.run(*x)])
    check_against(agent, model, None)
    with pytest.raises(ExportError, match="acts differently"):
        check_against(off, model, None)


def test_what_a_mask_forbids_is_no_measure_of_ties() -> None:
    """Its logit is -1e8, beside which all others would be equal."""
    model = exported.anyhow(exported.BOX, spaces.Discrete(40), contrib.MaskablePPO)
    agent = asked(trace(model))

    def last(observation: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
        return [np.array([np.flatnonzero(mask[0])[-1]])]

    check_against(agent, model, None)
    with pytest.raises(ExportError, match="row 0"):
        check_against(Agent(agent.facts, last), model, None)


BOTH = ("distribution", "value")


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("PPO", BOTH),
        ("SAC", BOTH),
        ("DQN", ("value",)),
        ("MaskablePPO", BOTH),
        ("RecurrentPPO", ("distribution",)),
        pytest.param("PPO-mixed", BOTH, marks=pytest.mark.slow),
        pytest.param("SAC-sde", BOTH, marks=pytest.mark.slow),
        pytest.param("TQC", BOTH, marks=pytest.mark.slow),
        pytest.param("QRDQN", ("value",), marks=pytest.mark.slow),
        pytest.param("TD3", ("value",), marks=pytest.mark.slow),
    ],
)
def test_additional_outputs_are_compared(name: str, extras: tuple[str, ...]) -> None:
    model = exported.agent(name)
    agent = asked(exported.decision(name, *extras))
    check_against(agent, model, None)

    def decide(*inputs: np.ndarray) -> list[np.ndarray]:
        found = list(agent.run(*inputs))
        found[-1] = found[-1] + 1e-3 * np.maximum(np.abs(found[-1]), 1)
        return found

    with pytest.raises(ExportError, match=r"differently \((value|logits|log_std), sp"):
        check_against(Agent(agent.facts, decide), model, None)


@pytest.mark.parametrize("name", ["PPO-two", "RecurrentPPO", "MaskablePPO"])
def test_batches_are_checked_where_there_may_be_any(name: str) -> None:
    """Also what mixes observations of a batch, and is right for each alone."""
    model = exported.agent(name)
    agent = asked(trace(model, dynamic=True))

    def mixed(*inputs: np.ndarray) -> list[np.ndarray]:
        return [array[::-1] for array in agent.run(*inputs)]

    check_against(agent, model, None, dynamic=True)
    other = Agent(agent.facts, mixed)
    check_against(other, model, None)
    with pytest.raises(ExportError, match="several observations at once 0"):
        check_against(other, model, None, dynamic=True)
