"""Tests for surgery/chains.py."""

from __future__ import annotations

import pytest
import zoo
from torch import nn

from sb3_prune.networks.perceptrons import Chain, chains, policy_chains

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
    found = [chain.name for chain in policy_chains(zoo.trained(name).policy)]
    assert [n for n in found if "_target." not in n] == NETWORKS.get(name, ON_POLICY)
    targets = {n.replace("_target.", ".") for n in found if "_target." in n}
    has_targets = name in zoo.WITH_TARGETS
    assert bool(targets) is has_targets
    assert targets <= set(found)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_chain_ends_in_heads_or_in_its_last_linear(name: str) -> None:
    for chain in policy_chains(zoo.trained(name).policy):
        assert chain.linears() == [m for m in chain.body if isinstance(m, nn.Linear)]
        widths = [linear.out_features for linear in chain.linears()]
        assert widths[: len(zoo.ARCH)] == zoo.ARCH
        assert bool(chain.heads) is (len(widths) == len(zoo.ARCH))
        assert chain.inputs == chain.linears()[0].in_features


def test_a_chain_without_hidden_layers_is_its_heads() -> None:
    head = nn.Linear(3, 2)
    chain = Chain("x", nn.Sequential(), (head,))
    assert chain.linears() == []
    assert (chain.inputs, chain.outputs) == (3, 2)


def test_both_heads_of_a_gaussian_actor_read_its_body() -> None:
    actor = zoo.trained("SAC").policy.actor
    (chain,) = chains(actor)
    assert set(chain.heads) == {actor.mu, actor.log_std}
    assert chain.outputs == 2


@pytest.mark.parametrize("name", ["SAC", "TQC", "PPO"])
def test_state_dependent_noise_reads_the_body(name: str) -> None:
    policy = zoo.make_model(name, env="Pendulum-v1", use_sde=True).policy
    head, noise = policy_chains(policy)[0].heads
    assert isinstance(head, nn.Linear)
    assert isinstance(noise, nn.Parameter) and len(noise) == zoo.ARCH[-1]


def test_unknown_networks_have_no_chains() -> None:
    assert chains(nn.Linear(1, 1)) == []
    assert policy_chains(nn.Sequential(nn.Linear(1, 1))) == []
