"""Optimisers that users add, and networks that no optimiser steps."""

from __future__ import annotations

import copy
from typing import Any

import laws
import pytest
import torch
import zoo
from patched import HALF, PI, VF, half, patched
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.optimizer import optimizers


def step(model: BaseAlgorithm, optimizer: torch.optim.Optimizer) -> None:
    """Give an optimiser some state."""
    model.policy.predict_values(torch.randn(8, 4)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def values(policy: Any) -> list[nn.Parameter]:
    return [
        *policy.mlp_extractor.value_net.parameters(),
        *policy.value_net.parameters(),
    ]


def on_policy(model: BaseAlgorithm, optimizer: torch.optim.Optimizer) -> None:
    model.policy.value_optimizer = optimizer


def on_network(model: BaseAlgorithm, optimizer: torch.optim.Optimizer) -> None:
    model.policy.mlp_extractor.own = optimizer


def on_model(model: BaseAlgorithm, optimizer: torch.optim.Optimizer) -> None:
    model.auxiliary = optimizer  # type: ignore[attr-defined]


def in_a_list(model: BaseAlgorithm, optimizer: torch.optim.Optimizer) -> None:
    model.policy.several = [optimizer]


def in_a_dictionary(model: BaseAlgorithm, optimizer: torch.optim.Optimizer) -> None:
    model.several = {"values": optimizer, "note": 1}  # type: ignore[attr-defined]


PLACES = [on_policy, on_network, on_model, in_a_list, in_a_dictionary]


@pytest.mark.slow
@pytest.mark.parametrize("put", PLACES)
def test_a_second_optimiser_follows_wherever_it_is(put: Any) -> None:
    model = patched(lambda policy: None)
    second = torch.optim.RMSprop(values(model.policy), momentum=0.9)
    put(model, second)
    step(model, second)
    first = model.policy.mlp_extractor.value_net[0]
    old = dict(second.state[first.weight])
    assert sp.apply(model, half(model)).parameters == (413, HALF)
    held = [p for group in second.param_groups for p in group["params"]]
    assert list(map(id, held)) == list(map(id, values(model.policy)))
    for key in ("square_avg", "momentum_buffer"):
        assert torch.equal(second.state[first.weight][key], old[key][:6])
    assert set(map(id, second.state)) == set(map(id, held))
    before = [p.clone() for p in held]
    step(model, second)
    assert not any(torch.equal(p, old) for p, old in zip(held, before, strict=True))


def test_an_optimiser_under_two_names_moves_once() -> None:
    model = patched(lambda policy: None)
    model.policy.alias = model.policy.optimizer
    assert list(optimizers(model)) == ["optimizer"]
    sp.apply(model, half(model))
    assert model.policy.alias is model.policy.optimizer
    del model.policy.alias
    laws.assert_learning_goes_on(model)


def test_groups_of_parameters_keep_their_options() -> None:
    model = patched(lambda policy: None)
    policy = model.policy
    slow = {"params": values(policy), "lr": 1e-5}
    ids = {id(p) for p in slow["params"]}
    fast = {"params": [p for p in policy.parameters() if id(p) not in ids]}
    policy.optimizer = torch.optim.Adam([fast, slow], lr=1e-2)
    sp.apply(model, half(model))
    groups = policy.optimizer.param_groups
    assert [group["lr"] for group in groups] == [1e-2, 1e-5]
    assert list(map(id, groups[1]["params"])) == list(map(id, values(policy)))
    laws.assert_optimised(policy)


FOLLOWED = ["NAdam", "RAdam", "Adagrad", "Adadelta", "Adamax", "ASGD", "Rprop"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLLOWED)
def test_the_states_of_other_optimisers_follow(name: str) -> None:
    cls = getattr(torch.optim, name)
    kwargs = {"optimizer_class": cls, "activation_fn": nn.Tanh}
    model = zoo.train(zoo.make_model("PPO", policy_kwargs=kwargs))
    optimizer = model.policy.optimizer
    weight = sp.wire(model.policy)[f"{PI}.0"].module.weight
    old = {k: v for k, v in optimizer.state[weight].items() if v.ndim}
    sp.apply(model, half(model))
    new = optimizer.state[sp.wire(model.policy)[f"{PI}.0"].module.weight]
    assert old and all(torch.equal(new[k], v[:6]) for k, v in old.items())
    zoo.train_on(model)


@pytest.mark.slow
@pytest.mark.parametrize("put", PLACES)
def test_an_optimiser_that_cannot_follow_is_refused(put: Any) -> None:
    model = patched(lambda policy: None)
    put(model, torch.optim.LBFGS(values(model.policy)))
    before = zoo.snapshot(model.policy)
    with pytest.raises(PlanError, match=r"\(LBFGS\) keeps parameters in _params"):
        sp.apply(model, half(model))
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


def test_parameters_that_no_optimiser_steps_are_reported() -> None:
    model = patched(lambda policy: None)
    report = sp.apply(model, {f"{PI}.0": half(model)[f"{PI}.0"]})
    assert report.unoptimised == ()
    forgotten = {id(p) for p in model.policy.value_net.parameters()}
    kept = [p for p in model.policy.parameters() if id(p) not in forgotten]
    model.policy.optimizer = torch.optim.Adam(kept)
    report = sp.apply(model, {f"{VF}.0": half(model)[f"{VF}.0"]})
    assert report.unoptimised == ("value_net.weight", "value_net.bias")


# Targets.


def test_a_target_under_another_name_follows() -> None:
    model = zoo.train(zoo.make_model("DQN"))
    policy = model.policy
    policy.ema_net = copy.deepcopy(policy.q_net)
    layers = sp.wire(policy)
    assert list(layers) == ["q_net.q_net.0", "q_net.q_net.2"]
    names = ["q_net_target.q_net.0", "ema_net.q_net.0"]
    assert [twin.name for twin in layers["q_net.q_net.0"].targets] == names
    report = sp.apply(model, half(model))
    assert report.unoptimised == ()
    shapes = [
        [p.shape for p in network.parameters()]
        for network in (policy.q_net, policy.q_net_target, policy.ema_net)
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert list(policy.q_net.q_net[0].weight.shape) == [6, 4]


def test_what_an_optimiser_steps_is_no_target() -> None:
    model = zoo.train(zoo.make_model("DQN"))
    policy = model.policy
    policy.rival = copy.deepcopy(policy.q_net)
    policy.optimizer.add_param_group({"params": list(policy.rival.parameters())})
    layers = sp.wire(policy)
    assert len(layers) == 4 and "rival.q_net.0" in layers
    assert [twin.name for twin in layers["q_net.q_net.0"].with_targets()] == [
        "q_net.q_net.0",
        "q_net_target.q_net.0",
    ]


@pytest.mark.parametrize("name", ["SAC", "DQN", "TD3", "TQC", "QRDQN"])
def test_networks_that_are_saved_alone_load_again(name: str, tmp_path: Any) -> None:
    model = zoo.train(zoo.make_model(name))
    sp.apply(model, zoo.random_plan(model.policy))
    networks = dict(model.policy.named_children())
    # Stable-Baselines3 saves no critic so that it can be loaded.
    alone = [child for child in networks if not child.startswith("critic")]
    assert alone
    for child in alone:
        networks[child].save(tmp_path / f"{child}.pt")
        loaded = type(networks[child]).load(tmp_path / f"{child}.pt", device="cpu")
        found, expected = loaded.state_dict(), networks[child].state_dict()
        assert zoo.equal(dict(found), dict(expected)), child
