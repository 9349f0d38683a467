"""Tests for surgery/chains.py."""

from __future__ import annotations

import pytest
import zoo
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import Gate
from sb3_prune.surgery.chains import Chain, Side, chains, policy_chains, reader

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
def test_every_linear_of_a_body_is_hidden_or_the_output(name: str) -> None:
    for chain in policy_chains(zoo.trained(name).policy):
        linears = [m for m in chain.body if isinstance(m, nn.Linear)]
        hidden = [linear for _, linear, _ in chain.hidden()]
        output = [] if chain.output() is None else [chain.output()]
        assert hidden + output == linears
        assert bool(chain.heads) is not bool(output)


def test_what_follows_a_layer_belongs_to_it() -> None:
    body = nn.Sequential(
        nn.BatchNorm1d(3), nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 1)
    )
    ((name, linear, between),) = Chain("x", body).hidden()
    assert name == "1" and linear is body[1]
    assert [m for _, m in between] == [body[2], body[3]]
    assert [n for n, _ in between] == ["2", "3"]


def test_an_empty_body_has_no_hidden_layer() -> None:
    chain = Chain("x", nn.Sequential())
    assert chain.hidden() == [] and chain.output() is None


def test_the_reader_of_a_wrapped_head_is_its_linear() -> None:
    head = nn.Sequential(nn.Linear(3, 1), nn.Hardtanh())
    slot = reader(head)
    assert slot.owner is head[0]
    assert (slot.attribute, slot.axis, slot.side) == ("weight", 1, Side.COLUMNS)


def test_both_heads_of_a_gaussian_actor_read_its_body() -> None:
    actor = zoo.trained("SAC").policy.actor
    ((first, second),) = [chain.heads for chain in chains(actor)]
    assert {first.owner, second.owner} == {actor.mu, actor.log_std}


@pytest.mark.parametrize("name", ["SAC", "TQC", "PPO"])
def test_state_dependent_noise_reads_the_body(name: str) -> None:
    policy = zoo.make_model(name, env="Pendulum-v1", use_sde=True).policy
    heads = policy_chains(policy)[0].heads
    assert [(s.attribute, s.axis) for s in heads] == [("weight", 1), ("log_std", 0)]
    noise = getattr(heads[1].owner, "log_std")  # noqa: B009
    assert isinstance(noise, nn.Parameter) and len(noise) == zoo.ARCH[-1]


class OwnNetwork(nn.Module):
    """A user's network."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))


class OwnPolicy(nn.Module):
    """A policy with a user's network and its target."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.net_target = OwnNetwork(), OwnNetwork()


def test_a_network_can_be_registered() -> None:
    policy = OwnPolicy()
    with pytest.raises(UnsupportedPolicyError, match=r"OwnPolicy.*SACPolicy|OwnPolicy"):
        policy_chains(policy)

    @chains.register(OwnNetwork)
    def own(network: OwnNetwork) -> list[Chain]:
        return [Chain("body", network.body)]

    before = zoo.outputs(policy)
    sp.wire(policy)["net.body.0"].linear.weight.data[2] = 0.0
    sp.apply(policy, {"net.body.0": sp.surgery.remove([2], 6)})
    assert [la.linear.out_features for la in sp.wire(policy)["net.body.0"].both()] == [
        5,
        5,
    ]
    assert len(before) == len(zoo.outputs(policy))


def test_an_unknown_policy_lists_what_is_known() -> None:
    with pytest.raises(UnsupportedPolicyError) as error:
        policy_chains(nn.Sequential(Gate(), nn.Linear(1, 1)))
    message = str(error.value)
    assert "Sequential" in message and "QNetwork" in message
    assert "@sb3_prune.surgery.chains.register" in message


def test_unknown_networks_have_no_chains() -> None:
    assert chains(nn.Linear(1, 1)) == []
