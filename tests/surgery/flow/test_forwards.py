"""Tests for surgery/flow/forwards.py."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery.flow.forwards import (
    Forward,
    all_forwards,
    is_optional,
    redraws,
    sample_inputs,
    training_forwards,
)
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.flow.trace import trace
from sb3_prune.surgery.flow.tracer import Tracer
from surgery.flow.tiny import TinyPolicy

# Which calls there are.


@pytest.mark.parametrize(
    "name", [*zoo.ALGORITHMS, *(f"OFEXi {name}" for name in ofexi_zoo.FORMS)]
)
def test_all_forwards_together_use_every_tensor_of_a_policy(name: str) -> None:
    make = ofexi_zoo.make_model if name.startswith("OFEXi") else zoo.make_model
    policy = make(name.removeprefix("OFEXi ")).policy
    with quiet(policy):
        tracer = Tracer(policy)
        for _, call in all_forwards(policy, sample_inputs(policy)):
            with tracer:
                call()
    idle = [key for key, tensor in tracer.tensors.items() if tensor.ndim]
    assert [tracer.paths[key][0] for key in idle if key not in tracer.seen] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DQN", ["q_net", "q_net_target", "_predict"]),
        ("SAC", ["actor", "actor.action_log_prob", "critic", "critic_target"]),
        ("TD3", ["actor", "actor_target", "critic", "critic_target", "_predict"]),
        ("BranchingDQN", ["q_net", "q_net.branch_values", "q_net_target"]),
        ("PPO", ["forward", "evaluate_actions", "predict_values", "_predict"]),
        ("MaskablePPO", ["forward", "evaluate_actions", "predict_values", "_predict"]),
        ("RecurrentPPO", ["forward", "forward-start", "evaluate_actions"]),
    ],
)
def test_forwards_are_named_by_what_they_call(name: str, expected: list[str]) -> None:
    policy = zoo.make_model(name).policy
    found = [forward for forward, _ in all_forwards(policy, sample_inputs(policy))]
    assert found[: len(expected)] == expected


def test_actions_of_an_actor_critic_are_deterministic() -> None:
    policy = zoo.make_model("PPO").policy
    calls = dict(all_forwards(policy, sample_inputs(policy, 64)))
    with quiet(policy):
        first, second = calls["forward"](), calls["forward"]()
        assert all(map(torch.equal, first, second))
        assert torch.equal(calls["_predict"](), first[0])


def test_a_recurrent_policy_goes_on_and_begins_anew() -> None:
    policy = zoo.make_model("RecurrentPPO").policy
    calls = dict(all_forwards(policy, sample_inputs(policy)))
    with quiet(policy):
        goes_on, begins = calls["forward"]()[1], calls["forward-start"]()[1]
        policy.lstm_actor.weight_hh_l0.data.zero_()
        policy.lstm_critic.weight_hh_l0.data.zero_()
        forgets = calls["forward"]()[1]
    assert torch.equal(goes_on[0], begins[0])  # It starts from nothing anyway.
    assert not torch.allclose(goes_on[1:], forgets[1:])


class Cautious(TinyPolicy):
    """Has a second head, which no stock forward reads."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.cost = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 1))


class Declaring(Cautious):
    """Says so, and looks at what it is given."""

    def extra_forwards(self, observations: Any, actions: Any) -> Iterator[Forward]:
        assert (observations.shape, actions.shape) == ((3, 5), (3, 2))
        yield "cost", lambda: self.cost(self.net(observations))


def test_a_class_may_declare_more_forwards() -> None:
    found = {}
    for kind in (Cautious, Declaring):
        policy = kind(nn.Sequential(nn.Linear(5, 8), nn.Tanh()))
        found[kind] = {g.name for g in trace(policy) if g.fixed is None}
        names = [name for name, _ in all_forwards(policy, sample_inputs(policy))]
        assert names == ["_predict", "cost"][: 1 + (kind is Declaring)]
    assert found == {Cautious: set(), Declaring: {"net.0", "cost.0"}}


# What they are given.

IMAGE = spaces.Box(0, 255, (3, 36, 36), np.uint8)
SPACES: dict[str, spaces.Space[Any]] = {
    "bounded": spaces.Box(-1, 1, (4,), np.float32),
    "unbounded": spaces.Box(-np.inf, np.inf, (4,), np.float32),
    "half-bounded": spaces.Box(0.5, np.inf, (2, 3), np.float32),
    "double": spaces.Box(-3, 3, (2,), np.float64),
    "image": IMAGE,
    "integers": spaces.Box(-5, 5, (2,), np.int64),
    "discrete": spaces.Discrete(5, start=2),
    "several": spaces.MultiDiscrete([3, 2]),
    "binary": spaces.MultiBinary(4),
    "mixed": spaces.Dict({"eye": IMAGE, "arm": spaces.Box(-1, 1, (2,))}),
}


class Spacious(BasePolicy):
    """Only has spaces, and one number."""

    def __init__(self, space: spaces.Space[Any], actions: spaces.Space[Any]) -> None:
        super().__init__(space, actions)
        self.number = nn.Parameter(torch.zeros(1))

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        return self.number


def rows(observations: Any, count: int) -> list[Any]:
    """Return observations one by one, as arrays."""
    if isinstance(observations, dict):
        parts = {key: rows(value, count) for key, value in observations.items()}
        return [{key: part[i] for key, part in parts.items()} for i in range(count)]
    assert len(observations) == count
    return list(observations.numpy())


@pytest.mark.parametrize("name", SPACES)
def test_observations_lie_in_their_space(name: str) -> None:
    space = SPACES[name]
    policy = Spacious(space, SPACES["bounded"])
    found = rows(sample_inputs(policy, 20).observations, 20)
    assert all(space.contains(row) for row in found)
    assert len({str(row) for row in found}) > 1


@pytest.mark.parametrize("name", ["bounded", "discrete", "several", "binary"])
@pytest.mark.parametrize("precise", [torch.float32, torch.float64])
def test_actions_are_as_rollout_buffers_hold_them(
    name: str, precise: torch.dtype
) -> None:
    space = SPACES[name]
    policy = Spacious(SPACES["bounded"], space).to(precise)
    actions = sample_inputs(policy, 20).actions
    assert actions is not None
    assert actions.dtype is precise
    assert all(space.contains(row.astype(space.dtype)) for row in actions.numpy())
    assert len(actions.unique(dim=0)) > 1


@pytest.mark.parametrize("shape", [(2, 3), (6,), ()])
def test_buffers_hold_boxes_of_any_shape_as_vectors(shape: tuple[int, ...]) -> None:
    policy = Spacious(SPACES["bounded"], spaces.Box(-1, 1, shape))
    actions = sample_inputs(policy, 20).actions
    assert actions is not None and actions.shape == (20, 6 if shape else 1)


def test_unbounded_numbers_are_standard_normal() -> None:
    policy = Spacious(SPACES["unbounded"], SPACES["bounded"])
    drawn = sample_inputs(policy, 2000).observations
    assert float(drawn.mean()) == pytest.approx(0.0, abs=0.05)
    assert float(drawn.std()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", SPACES)
def test_draws_depend_on_their_seed_alone(name: str) -> None:
    space = copy.deepcopy(SPACES[name])
    policy, found = Spacious(space, SPACES["several"]), []
    for seed in (4, 4, 5):
        random.seed(len(found))
        np.random.seed(len(found))
        space.seed(len(found))
        inputs = sample_inputs(policy, 9, seed)
        found.append([inputs.observations, inputs.actions])
    for i, (first, again, other) in enumerate(zip(*found, strict=True)):
        assert zoo.equal(first, again), i
        assert not zoo.equal(first, other), i


@pytest.mark.parametrize("name", SPACES)
def test_no_random_state_is_touched(name: str) -> None:
    space = copy.deepcopy(SPACES[name])
    space.seed(3)
    own = copy.deepcopy(space)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    sample_inputs(Spacious(space, SPACES["bounded"]))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    assert str(space.sample()) == str(own.sample())


def test_what_is_no_policy_has_no_spaces() -> None:
    with pytest.raises(UnsupportedPolicyError, match=r"Linear is no policy of Stable-"):
        sample_inputs(nn.Linear(2, 2))


class Redrawing(nn.Module):
    """Has methods that draw noise, one of which needs to know more."""

    def reset_noise(self, count: int = 1) -> None:
        """Draw noise."""

    def sample_noise(self, count: int) -> None:
        """Draw so much noise."""


def test_noise_is_drawn_first_in_training() -> None:
    policy = zoo.make_model("PPO", stock=True, use_sde=True, env=zoo.make_env("SAC"))
    assert redraws(policy.policy) == []  # SB3's own needs no help.
    policy.policy.add_module("noisy", Redrawing())
    found = training_forwards(policy.policy, sample_inputs(policy.policy))
    names = [name for name, _ in found]
    assert names[:2] == ["noisy.reset_noise", "forward"]
    assert [n for n in names if is_optional(n)] == [*names[:2], "_predict"]
