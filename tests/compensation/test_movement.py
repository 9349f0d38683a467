"""Tests for compensation/movement.py."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3 import A2C
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence

import sb3_prune as sp
from compensation.made import inputs_of
from sb3_prune.compensation import Movement, respond
from sb3_prune.compensation.movement import MOST, distance, values_of
from sb3_prune.surgery.trial import copied

DISCRETE = ["DQN", "QRDQN", "BranchingDQN", "PPO", "A2C", "MaskablePPO", "RecurrentPPO"]


class Switches(gym.Env):  # type: ignore[type-arg]
    """Any action space; shows noise."""

    observation_space = spaces.Box(-1, 1, (3,), np.float32)

    def __init__(self, action_space: Any) -> None:
        self.action_space = action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self.np_random.normal(size=3).astype(np.float32), {}

    def step(self, action: Any) -> Any:
        seen = self.np_random.normal(size=3).astype(np.float32)
        return seen, 0.0, False, self.np_random.random() < 0.1, {}


def changed(model: Any, size: float = 0.3) -> Any:
    """Return another policy: the same with all weights moved."""
    twin: Any = copied(model.policy)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in twin.parameters():
            p.add_(size * torch.randn(p.shape, generator=generator))
    return twin


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_equal_agents_did_not_move(name: str) -> None:
    model = zoo.trained(name)
    inputs = inputs_of(model)
    before = zoo.snapshot(model.policy)
    first, again = (respond(model.policy, inputs) for _ in range(2))
    moved = first.moved(again)
    random = name not in ("DQN", "QRDQN", "BranchingDQN", "TD3", "DDPG")
    assert moved == Movement(actions=0.0, values=0.0, kl=0.0 if random else None)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_other_agents_moved(name: str) -> None:
    model = zoo.trained(name)
    inputs = inputs_of(model)
    moved = respond(model.policy, inputs).moved(respond(changed(model), inputs))
    assert moved.values is not None and 0.01 < moved.values < math.inf
    assert 0 <= moved.actions <= (1 if name in DISCRETE else 100)
    assert moved.kl is None or 0 < moved.kl < math.inf


@pytest.mark.parametrize("name", DISCRETE)
def test_of_discrete_actions_the_share_that_changed_counts(name: str) -> None:
    model = zoo.trained(name)
    inputs, twin = inputs_of(model, 200), changed(model)
    before, after = respond(model.policy, inputs), respond(twin, inputs)
    assert not before.actions.is_floating_point()
    differ = (before.actions != after.actions).reshape(200, -1).any(dim=1)
    assert before.moved(after).actions == pytest.approx(float(differ.float().mean()))


def by_hand(model: Any, policy: Any, inputs: Any, make: Any) -> Any:
    with torch.no_grad():
        latent = policy.mlp_extractor.forward_actor(
            policy.pi_features_extractor(inputs.observations)
        )
        return make(policy, policy.action_net(latent))


SPACES: dict[str, tuple[Any, Any]] = {
    "Gaussian": (
        spaces.Box(-1, 1, (2,)),
        lambda p, out: [Normal(out, p.log_std.exp().expand_as(out))],
    ),
    "Categorical": (spaces.Discrete(3), lambda p, out: [Categorical(logits=out)]),
    "MultiCategorical": (
        spaces.MultiDiscrete([3, 2]),
        lambda p, out: [Categorical(logits=part) for part in out.split([3, 2], 1)],
    ),
    "Bernoulli": (spaces.MultiBinary(4), lambda p, out: [Bernoulli(logits=out)]),
}


@pytest.mark.parametrize("kind", SPACES)
def test_the_divergence_is_that_of_torch(kind: str) -> None:
    space, make = SPACES[kind]
    model: Any = A2C("MlpPolicy", Switches(space), device="cpu", seed=0)
    inputs, twin = inputs_of(model, 100), changed(model)
    pairs = zip(
        by_hand(model, model.policy, inputs, make),
        by_hand(model, twin, inputs, make),
        strict=True,
    )
    expected = sum(kl_divergence(*pair).sum() / 100 for pair in pairs)
    moved = respond(model.policy, inputs).moved(respond(twin, inputs))
    assert moved.kl == pytest.approx(float(expected), rel=1e-5)
    if kind != "Gaussian":
        assert 0 < moved.actions <= 1


@pytest.mark.parametrize("sde", [False, True])
def test_a_squashed_gaussian_counts_as_the_gaussian(sde: bool) -> None:
    model: Any = zoo.train(zoo.make_model("SAC", use_sde=sde))
    inputs, twin = inputs_of(model, 100), changed(model, 0.05)
    found = []
    for policy in (model.policy, twin):
        with torch.no_grad():
            mean, log_std, rest = policy.actor.get_action_dist_params(
                inputs.observations
            )
            if sde:
                variance = rest["latent_sde"].square() @ policy.actor.log_std.exp() ** 2
                found.append(Normal(mean, (variance + 1e-6).sqrt()))
            else:
                found.append(Normal(mean, log_std.exp()))
    expected = float(kl_divergence(*found).sum(1).mean())
    moved = respond(model.policy, inputs).moved(respond(twin, inputs))
    assert moved.kl == pytest.approx(expected, rel=1e-4)


def test_values_of_every_critic_and_value_network_count() -> None:
    model = zoo.trained("ValueSAC")
    inputs = inputs_of(model)
    for network in ("value", "critic.qf0", "critic.qf1"):
        twin = zoo.copy_policy(model)
        for p in twin.get_submodule(network).parameters():
            p.data.add_(0.1)
        moved = respond(model.policy, inputs).moved(respond(twin, inputs))
        assert moved.values and not moved.actions and not moved.kl


def test_critics_without_actions_say_nothing() -> None:
    model = zoo.trained("SAC")
    inputs = inputs_of(model)
    bare = sp.surgery.flow.forwards.Inputs(observations=inputs.observations)
    assert list(values_of(model.policy, bare)) == []
    assert respond(model.policy, bare).moved(respond(model.policy, bare)).values is None


def test_padded_branches_are_no_values() -> None:
    model = zoo.trained("BranchingDQN")  # Three and two choices, padded to six values.
    (values,) = values_of(model.policy, inputs_of(model, 7))
    assert values.shape == (7, 5) and bool(values.isfinite().all())


def test_a_distance_is_relative_to_the_standard_deviation() -> None:
    torch.manual_seed(0)
    x = 3 * torch.randn(10_000, 2) + 5
    assert distance(x, x) == 0.0
    assert distance(x, x + 3) == pytest.approx(1.0, abs=0.02)
    assert distance(x, x.mean(0).expand_as(x)) == pytest.approx(1.0)
    constant = torch.ones(5, 1)
    assert distance(constant, constant) == 0.0
    assert distance(constant, constant + 1e-9 * torch.rand(5, 1).double()) == 1.0


def test_at_most_so_many_observations_are_compared() -> None:
    model = zoo.trained("PPO")
    assert len(respond(model.policy, inputs_of(model, 3 * MOST)).actions) == MOST
    assert len(respond(model.policy, inputs_of(model, 10)).actions) == 10
    assert len(respond(model.policy, inputs_of(model, 1)).actions) == 1
