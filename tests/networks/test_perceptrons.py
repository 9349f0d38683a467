"""Tests for networks/perceptrons.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import zoo
from sb3_prune_xinet.anatomy import Anatomy
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

import sb3_prune as sp
from sb3_prune.networks.perceptrons import (
    Perceptron,
    Role,
    as_perceptron,
    find_perceptrons,
    perceptrons_of,
)
from sb3_prune.policies import MaskedPolicyMixin

NETWORKS = {
    "DQN": ["q_net.q_net"],
    "QRDQN": ["quantile_net.quantile_net"],
    "BranchingDQN": ["q_net.q_net"],
    "SAC": ["actor.latent_pi", "critic.qf0", "critic.qf1"],
    "ValueSAC": ["actor.latent_pi", "critic.qf0", "critic.qf1", "value.net"],
    "TD3": ["actor.mu", "critic.qf0", "critic.qf1"],
    "DDPG": ["actor.mu", "critic.qf0"],
    "TQC": ["actor.latent_pi", "critic.qf0", "critic.qf1"],
    "CrossQ": ["actor.latent_pi", "critic.qf0", "critic.qf1"],
}
ON_POLICY = ["mlp_extractor.policy_net", "mlp_extractor.value_net"]


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_every_network_is_found_with_its_target(name: str) -> None:
    found = [
        perceptron.name for perceptron in find_perceptrons(zoo.trained(name).policy)
    ]
    assert [n for n in found if "_target." not in n] == NETWORKS.get(name, ON_POLICY)
    targets = {n.replace("_target.", ".") for n in found if "_target." in n}
    has_targets = name in zoo.WITH_TARGETS
    assert bool(targets) is has_targets
    assert targets <= set(found)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_chain_ends_in_heads_or_in_its_last_linear(name: str) -> None:
    for perceptron in find_perceptrons(zoo.trained(name).policy):
        assert perceptron.linears() == [
            m for m in perceptron.body if isinstance(m, nn.Linear)
        ]
        widths = [linear.out_features for linear in perceptron.linears()]
        assert widths[: len(zoo.ARCH)] == zoo.ARCH
        assert bool(perceptron.heads) is (len(widths) == len(zoo.ARCH))
        assert perceptron.inputs == perceptron.linears()[0].in_features


def test_a_chain_without_hidden_layers_is_its_heads() -> None:
    head = nn.Linear(3, 2)
    perceptron = Perceptron("x", nn.Sequential(), Role.POLICY, (head,))
    assert perceptron.linears() == []
    assert (perceptron.inputs, perceptron.outputs) == (3, 2)


def test_both_heads_of_a_gaussian_actor_read_its_body() -> None:
    actor = zoo.trained("SAC").policy.actor
    (perceptron,) = perceptrons_of(actor)
    assert set(perceptron.heads) == {actor.mu, actor.log_std}
    assert perceptron.outputs == 2


@pytest.mark.parametrize("name", ["SAC", "TQC", "PPO"])
def test_state_dependent_noise_reads_the_body(name: str) -> None:
    policy = zoo.make_model(name, env="Pendulum-v1", use_sde=True).policy
    head, noise = find_perceptrons(policy)[0].heads
    assert isinstance(head, nn.Linear)
    assert isinstance(noise, nn.Parameter) and len(noise) == zoo.ARCH[-1]


def test_unknown_networks_have_no_perceptrons() -> None:
    assert perceptrons_of(nn.Linear(1, 1)) == []
    assert find_perceptrons(nn.Sequential(nn.Linear(1, 1))) == []


# Roles: a family of one's own is one registration.


class Judge(nn.Module):
    """A critic of one's own, under a name that says nothing."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))


class JudgedPolicy(MaskedPolicyMixin, ActorCriticPolicy):
    """Has a second critic."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.judge = Judge(self)
        self.optimizer = torch.optim.Adam(self.parameters())

    def extra_forwards(self, observations: Any, actions: Any) -> Any:
        yield "judge", lambda: self.judge.body(self.extract_features(observations))


@pytest.fixture
def registered() -> Iterator[None]:
    perceptrons_of.register(
        Judge, lambda judge: as_perceptron("body", judge.body, role=Role.STATE_VALUE)
    )
    yield
    perceptrons_of.register(Judge, lambda judge: [])


@pytest.mark.usefixtures("registered")
def test_one_registration_says_all_of_a_family() -> None:
    model = PPO(JudgedPolicy, "CartPole-v1", n_steps=32, batch_size=32, n_epochs=1)
    roles = sp.wire(model).roles
    assert roles["judge.body"] is Role.STATE_VALUE
    before = Anatomy(model.policy).cost()
    sp.apply(model, {"judge.body.0": sp.remove([0, 1], 6)})
    after = Anatomy(model.policy).cost()
    assert before.deploy == after.deploy
    assert float(before.train - after.train) == 2 * (4 + 1 + 1)
    sp.policies.xavier(model.policy)
    assert not model.policy.judge.body[0].bias.any()
    model.learn(64)


def test_roles_say_what_acts_what_values_and_what_reads_actions() -> None:
    table = {r: (r.acts, r.estimates_values, r.reads_actions) for r in Role}
    assert table == {
        Role.POLICY: (True, False, False),
        Role.Q_VALUES: (True, True, False),
        Role.STATE_VALUE: (False, True, False),
        Role.ACTION_VALUE: (False, True, True),
    }
