"""Projections between agents, on episodes."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from sb3_prune_clusters.mappings import linear
from sb3_prune_clusters.project import distinct, project_agents
from sb3_prune_envs import SB3VecEnv, make_arm_vec

import sb3_prune as sp
from sb3_prune.analysis import random_like
from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.recording.activations import record_activations

SMALL: dict[str, Any] = {"episodes": 12, "validation_episodes": 8}


def arm(joints: int = 3) -> SB3VecEnv:
    return make_arm_vec(4, n_joints=joints)


def agent(joints: int = 3, seed: int = 0, **kwargs: Any) -> sp.BranchingDQN:
    """Return an untrained agent; Xavier weights, so that it moves."""
    made = sp.BranchingDQN(
        sp.BranchingDQNPolicy,
        arm(joints),
        policy_kwargs={"net_arch": [12, 10, 8], **kwargs},
        buffer_size=10,
        device="cpu",
    )
    return random_like(made, seed)


@pytest.mark.parametrize("choice", [{"method": "greedy"}, {"penalty": 0.0}])
def test_reflexive(choice: dict[str, Any]) -> None:
    model = agent()
    found = project_agents(model, model, arm(), **choice, **SMALL)
    assert found.error == pytest.approx(0, abs=1e-5)
    assert found.saturation == pytest.approx(0, abs=1e-5)
    heard = found.projection.target_maxima > 0
    assert found.coverage == pytest.approx(np.log(heard.sum()) / np.log(30))
    assert found.layers == pytest.approx(np.diag(np.diag(found.layers)), abs=1e-5)


def test_reflexive_with_the_papers_penalty_shrinks() -> None:
    model = agent()
    found = project_agents(model, model, arm(), **SMALL)
    assert 0 < found.error < 1
    assert found.penalty == 50


def test_a_related_agent_maps_better_than_a_random_one() -> None:
    model = agent()
    related = random_like(model, 0)
    noise = torch.Generator().manual_seed(0)
    for layer in sp.wire(related.policy).values():
        weight = layer.module.weight.data
        weight += 0.05 * torch.randn(weight.shape, generator=noise)
    choice = {"penalty": 1.0, **SMALL}
    near = project_agents(related, model, arm(), **choice)
    far = project_agents(random_like(model, 5), model, arm(), **choice)
    assert near.error < far.error


def test_validation_inputs_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """No goal of the first episodes comes again, and the report says how many."""
    seen: list[Any] = []

    def spy(model: Any, observations: Any) -> Any:
        seen.append(observations)
        return record_activations(model, observations)

    monkeypatch.setattr("sb3_prune_clusters.project.record_activations", spy)
    found = project_agents(agent(), agent(seed=1), arm(), **SMALL)
    made_from, _, unseen, _ = seen
    goals = [
        {tuple(row) for row in part[:, -2:].tolist()} for part in (made_from, unseen)
    ]
    assert [len(g) for g in goals] == [12, 8]
    assert not goals[0] & goals[1]
    assert (found.inputs, found.validation_inputs) == (len(made_from), len(unseen))
    assert len(distinct(made_from)) == len(made_from)


@pytest.mark.slow
def test_same_seed_same_report() -> None:
    models = agent(), agent(seed=1)
    one, same, other = (
        project_agents(*models, arm(), seed=seed, **SMALL).to_dict()
        for seed in (3, 3, 4)
    )
    assert one == same != other


@pytest.mark.slow
@pytest.mark.parametrize("name", ["naive", "balanced", "sums"])
@pytest.mark.parametrize(("source", "target"), [(2, 4), (4, 2)])
def test_other_joint_numbers(name: str, source: int, target: int) -> None:
    found = project_agents(
        agent(source),
        agent(target),
        arm(target),
        transform=name,
        penalty=0.5,
        **SMALL,
    )
    assert 0 < found.error < 1
    assert found.layers.shape == (3, 3)


def test_own_transforms() -> None:
    found = project_agents(
        agent(2),
        agent(3),
        arm(),
        transform=lambda seen: np.concatenate([seen[:, :4], seen[:, -2:]], axis=1),
        **SMALL,
    )
    same = project_agents(agent(2), agent(3), arm(), transform="naive", **SMALL)
    assert found.error == pytest.approx(same.error)


def test_greedy_is_by_episode_and_has_no_penalty() -> None:
    """Every step counts, repeated ones too: 12 episodes of 60."""
    found = project_agents(agent(), agent(seed=1), arm(), method="greedy", **SMALL)
    assert found.inputs == 12 * 60
    assert found.penalty is None
    assert found.saturation == 0


def test_to_dict_is_json() -> None:
    found = project_agents(agent(), agent(seed=1), arm(), **SMALL)
    read = json.loads(json.dumps(found.to_dict()))
    assert read["error"] == found.error
    assert list(read["source_layers"].values()) == [12, 10, 8]
    assert len(read["layers"]) == 3
    assert "projection" not in read


def test_distinct_keeps_the_first_in_order() -> None:
    seen = np.array([[2.0, 0.0], [1.0, -0.0], [2.0, 4e-6], [1.0, 0.0], [1.0, 1e-4]])
    assert distinct(seen).tolist() == [[2, 0], [1, 0], [1, 1e-4]]


def test_unknown_methods_are_listed() -> None:
    with pytest.raises(UnknownNameError, match="'greedy'"):
        project_agents(agent(), agent(), arm(), method="greed")


def test_units_must_be_like_relu() -> None:
    tanh = agent(activation_fn=torch.nn.Tanh)
    with pytest.raises(ConfigError, match="source is negative"):
        project_agents(tanh, agent(), arm(), **SMALL)


def test_a_report_holds_its_projection() -> None:
    """The projection predicts what it was made for, with the numbers reported."""
    source, target = agent(), agent(seed=1)
    found = project_agents(source, target, arm(), penalty=0.5, **SMALL)
    inputs = np.random.default_rng(0).uniform(-1, 1, (50, 8)).astype(np.float32)
    B, A = (record_activations(model, inputs) for model in (source, target))
    assert found.projection.apply(np.concatenate([*B.values()], axis=1)).shape == (
        50,
        30,
    )
    best = linear(B, A, penalty=0)
    assert best.error(B, A) < found.projection.error(B, A)
