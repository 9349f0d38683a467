"""Traced programs act as the agent does, and leave it as it was."""

from __future__ import annotations

from pathlib import Path

import exported
import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from sb3_prune import export
from sb3_prune.exceptions import ConfigError, ExportError
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.checking import check_against
from sb3_prune.exporting.facts import facts_of
from sb3_prune.exporting.program import Decision
from sb3_prune.exporting.tracing import trace

EVERY = [
    pytest.param(name, marks=[] if name in exported.FEW else pytest.mark.slow)
    for name in exported.AGENTS
]


def asked(decision: Decision) -> Agent:
    """Return an agent that runs the program by torch."""
    run = decision.program.module()

    def decide(*inputs: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            found = run(*(torch.tensor(array) for array in inputs))
        return [tensor.numpy() for tensor in found]

    return Agent(facts_of(decision, "traced"), decide)


@pytest.mark.parametrize("name", EVERY)
def test_every_agent(name: str) -> None:
    check = check_against(asked(exported.decision(name)), exported.agent(name), None)
    assert check.largest_difference < 1e-5 and check.ties == 0


@pytest.mark.parametrize("name", EVERY)
def test_programs_are_core_aten(name: str) -> None:
    for node in exported.decision(name).program.graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload):
            assert torch.Tag.core in node.target.tags, node.target


def test_closed_units_are_gone() -> None:
    state = exported.decision("SAC-gated").program.state_dict
    assert len(state["actor_latent_pi_0_bias"]) < zoo.ARCH[0]


def test_the_agent_stays_as_it_was() -> None:
    model = zoo.make_model("RecurrentPPO")
    before = zoo.snapshot(model.policy)
    validates = torch.distributions.Distribution._validate_args
    random = torch.get_rng_state()
    trace(model)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
    assert "_process_sequence" not in vars(model.policy)
    assert torch.distributions.Distribution._validate_args is validates
    assert torch.equal(torch.get_rng_state(), random)


def test_batches_of_any_size() -> None:
    model = exported.agent("PPO-box")
    run = trace(model, dynamic=True).program.module()
    raw = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    expected, _ = model.predict(raw, deterministic=True)
    np.testing.assert_allclose(run(torch.tensor(raw))[0], expected, atol=1e-5)


class Picky(BaseFeaturesExtractor):
    """Looks at a value while it decides what to compute."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, 3)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return observations * (2.0 if observations.sum().item() > 0 else 1.0)


class Doubling(Picky):
    """A user's extractor that can be traced."""

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.cat([observations[:, :1] * 2, observations[:, 1:].cos()], dim=1)


def test_users_extractors_come_for_free() -> None:
    space = exported.BOX
    model = exported.anyhow(space, space, features_extractor_class=Doubling)
    check_against(asked(trace(model)), model, None)


class Alike(Picky):
    """Two layers whose names differ by a dot alone."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space)
        self.layer = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.layer_1 = nn.Linear(3, 3)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.layer_1(torch.tanh(self.layer[1](observations)))


def test_names_that_differ_by_a_dot(tmp_path: Path) -> None:
    space = exported.BOX
    model = exported.anyhow(space, space, features_extractor_class=Alike)
    export(model, "numpy", tmp_path / "robot", vecnormalize=None)


def test_what_cannot_be_traced_is_refused_by_name() -> None:
    space = exported.BOX
    model = exported.anyhow(space, space, features_extractor_class=Picky)
    with pytest.raises(ExportError, match=r"ActorCriticPolicy cannot be traced"):
        trace(model)
    with pytest.raises(ConfigError, match="distribution, value"):
        trace(model, extras=["entropy"])


def test_what_an_agent_does_not_have() -> None:
    with pytest.raises(ExportError, match="no distribution"):
        trace(exported.agent("TD3"), extras=["distribution"])
    model: sb3.PPO = zoo.make_model("RecurrentPPO")  # type: ignore[assignment]
    with pytest.raises(ExportError, match="LSTM of its own"):
        trace(model, extras=["value"])


def test_details_are_facts() -> None:
    details = exported.decision("BranchingDQN").details
    assert details["algorithm"] == "BranchingDQN"
    assert details["branches"] == [3, 2]
    assert details["normalisation"] is None
    assert details["versions"]["torch"] == torch.__version__
