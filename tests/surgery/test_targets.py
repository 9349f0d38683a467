"""Tests for surgery/targets.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import zoo
from images import LOOKERS
from torch import nn
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.surgery.flow.trace import trace
from sb3_prune.surgery.targets import target_networks, targets_of

PAIRS = {
    "DQN": {"q_net": ["q_net_target"]},
    "QRDQN": {"quantile_net": ["quantile_net_target"]},
    "SAC": {"critic": ["critic_target"]},
    "TD3": {"actor": ["actor_target"], "critic": ["critic_target"]},
    "PPO": {},
    "CrossQ": {},
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("stock", [True, False])
def test_the_targets_of_stock_agents_are_known_by_name(name: str, stock: bool) -> None:
    assert target_networks(zoo.make_model(name, stock=stock).policy) == PAIRS[name]


def with_ema(**changes: Any) -> Any:
    """Return DQN's policy with a copy of its network, told otherwise or not."""
    policy: Any = zoo.make_model("DQN").policy
    policy.ema = copy.deepcopy(policy.q_net)
    for path, module in changes.items():
        setattr(policy.ema, path, module)
    return policy


def test_an_idle_network_of_the_same_shapes_is_a_target() -> None:
    assert target_networks(with_ema()) == {"q_net": ["q_net_target", "ema"]}


def test_a_network_of_other_shapes_is_no_target() -> None:
    other = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 2))
    assert target_networks(with_ema(q_net=other)) == PAIRS["DQN"]


def test_a_network_of_another_class_is_no_target() -> None:
    policy = with_ema()
    policy.ema.__class__ = type("Other", (type(policy.q_net),), {})
    assert target_networks(policy) == PAIRS["DQN"]


def test_a_network_that_learns_is_no_target() -> None:
    policy = with_ema()
    policy.optimizer.add_param_group({"params": [next(policy.ema.parameters())]})
    assert target_networks(policy) == PAIRS["DQN"]


def test_a_network_that_may_follow_two_follows_none() -> None:
    policy = with_ema()
    policy.twin = copy.deepcopy(policy.q_net)
    policy.optimizer.add_param_group({"params": list(policy.twin.parameters())})
    assert target_networks(policy) == PAIRS["DQN"]


def test_without_an_optimiser_only_names_count() -> None:
    policy = with_ema()
    del policy.optimizer
    assert target_networks(policy) == PAIRS["DQN"]


def test_a_name_that_only_ends_like_one_is_no_target() -> None:
    policy = zoo.make_model("DQN").policy
    policy.other_target = nn.Linear(3, 3)
    assert target_networks(policy) == PAIRS["DQN"]


@pytest.mark.parametrize("name", zoo.WITH_TARGETS)
def test_every_layer_of_a_network_with_targets_has_a_twin(name: str) -> None:
    policy = zoo.trained(name).policy
    found = targets_of(policy, trace(policy))
    networks = tuple(f"{network}." for network in target_networks(policy))
    assert {n for n in sp.wire(policy) if n.startswith(networks)} < set(found)
    for name_, (twin,) in found.items():
        network, _, rest = name_.partition(".")
        assert twin == f"{network}_target.{rest}"


SHARED = {
    "SAC-Cnn-shared": ["critic_target"],
    "TD3-MultiInput-shared": ["actor_target"],
    "SAC-Cnn": [],
    "TD3-Cnn": ["actor_target"],
}


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_extractor_has_the_targets_of_all_that_hold_it(name: str) -> None:
    """SAC's actor has no target, but its extractor may be the critics', too."""
    wiring = sp.wire(LOOKERS[name].make().policy)
    layer = next(la for n, la in wiring.items() if n.endswith("cnn.0"))
    network, _, rest = layer.name.partition(".")
    assert network == "actor"
    assert [t.name for t in layer.targets] == [f"{t}.{rest}" for t in SHARED[name]]


def test_a_target_that_cannot_change_fixes_its_layer() -> None:
    policy: Any = make_user_model("bare-dqn").policy
    policy.q_net_target.forward = lambda obs: policy.q_net_target.values(
        policy.q_net_target.hidden(policy.q_net_target.embed(obs).relu()).flip(1).relu()
    )
    wiring = sp.wire(policy)
    assert "q_net.hidden" not in wiring and "q_net.embed" in wiring
    assert wiring.fixed["q_net.hidden"].startswith(
        "its target 'q_net_target.hidden' cannot change: "
    )
