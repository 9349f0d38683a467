"""Tests for transplanting/matching.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from laws import assert_optimised

from sb3_prune.transplanting import transplant, transplant_into
from sb3_prune.transplanting.carrying import tensors
from sb3_prune.transplanting.matching import (
    find_matches,
    first_of,
    gone_of,
    routes_of,
)
from transplanting.made import env_of, trained
from transplanting.test_transplants import states

CRITICS = ["SAC", "ValueSAC", "TD3", "DDPG", "TQC", "CrossQ"]


def with_critics(name: str, count: int, **kwargs: Any) -> Any:
    given = {"n_critics": count, **kwargs}
    return zoo.make_model(name, env=env_of(name), policy_kwargs=given)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_networks_are_matched_by_name(name: str) -> None:
    policy = trained(name).policy
    matches = find_matches(policy, policy)
    assert matches and all(each.old is not each.new for each in matches)
    assert not any(each.is_copy for each in matches)
    routes = routes_of(policy, policy)
    assert routes and all(places == [path] for path, places in routes.items())


@pytest.mark.parametrize("arch", [[12, 10], [12, 10, 11], [12]])
@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_gates_of_one_agent_alone_do_not_matter(name: str, arch: list[int]) -> None:
    old, kwargs = trained(name), {"net_arch": arch}
    stock, masked = (
        zoo.make_model(
            name, stock=stock, env=env_of(name), policy_kwargs=kwargs, seed=3
        )
        for stock in (True, False)
    )
    for new in (stock, masked):
        transplant_into(new, old)
    zoo.assert_same(tensors(stock.policy), tensors(masked.policy))
    assert zoo.equal(states(stock), states(masked))


def test_the_first_critic() -> None:
    assert first_of("critic.qf1.2") == "critic.qf0.2"
    assert first_of("critic_target.qf12") == "critic_target.qf0"
    assert first_of("actor.mu.0") == "actor.mu.0"


@pytest.mark.parametrize("name", CRITICS)
def test_further_critics_are_copies_of_the_first(name: str) -> None:
    old: Any = trained(name)
    new = with_critics(name, 3)
    report = transplant_into(new, old)
    ours, theirs = tensors(old.policy), tensors(new.policy)
    for path, tensor in theirs.items():
        known = path if path in ours else first_of(path)
        assert torch.equal(tensor, ours[known])
    assert "'critic.qf2' is a copy of 'critic.qf0' without its moments." in report.left
    assert report.new == report.dropped == 0
    zoo.train(new, 96)
    assert_optimised(new.policy)
    pair = [new.critic.q_networks[i].state_dict() for i in (0, 2)]
    assert not zoo.equal(*pair)


@pytest.mark.parametrize("name", CRITICS)
def test_there_and_back_with_more_critics_is_the_identity(name: str) -> None:
    old: Any = trained(name)
    count = 1 if name == "DDPG" else 2
    more, back = with_critics(name, 3, net_arch=[14, 10]), with_critics(name, count)
    transplant_into(more, old)
    report = transplant_into(back, more)
    zoo.assert_same(tensors(back.policy), tensors(old.policy))
    assert any(path.endswith("(gone)") for path in report.tensors)
    gone = gone_of(more.policy, find_matches(more.policy, back.policy))
    assert set(gone) > set(more.critic.qf2)


def test_fewer_layers_and_a_pruned_donor() -> None:
    old: Any = trained("SAC")
    new = with_critics("SAC", 3, net_arch=[9])
    report = transplant_into(new, old)
    assert report.fits["critic.qf2"] == report.fits["critic.qf0"]
    zoo.train(new, 64)
    assert transplant(new, env=env_of("SAC")).critic.q_networks[2][0].out_features == 9
