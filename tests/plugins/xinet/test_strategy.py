"""Tests for strategy.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from sb3_prune_xinet import XiNet, XiNetConfig

import sb3_prune as sp
from sb3_prune import PruningCallback, plugins
from sb3_prune.exceptions import (
    CheckpointError,
    ConfigError,
    UnknownNameError,
    UnsupportedPolicyError,
)
from sb3_prune.pruning import look_at
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.testing.strategies import check_strategy

FAST = {"begin": 0.2, "end": 0.8, "theta_rate": 0.1, "price": 100.0, "min_units": 2}
"""Options with which tiny agents lose units within a few steps."""
EXTRACTOR = {"ofe.optimizer": {"ofe.phi_o", "ofe.phi_oa"}}
ACTOR = {"actor.optimizer": {"actor.latent_pi"}}
CRITICS = {"critic.optimizer": {"critic.qf0", "critic.qf1"}}
HALVES = {"mlp_extractor.policy_net", "mlp_extractor.value_net"}
"""Optimisers, and the networks whose thetas they step."""


@contextmanager
def attached(model: Any, progress: float = 0.5, **options: Any) -> Iterator[XiNet]:
    """Attach a strategy in the middle of a training."""
    strategy = XiNet(XiNetConfig(**options))
    strategy.attach(look_at(model, progress))
    try:
        yield strategy
    finally:
        strategy.detach()


def thetas(model: Any) -> dict[str, torch.Tensor]:
    """Return the thetas of the online layers that learn."""
    gates = {name: layer.gate for name, layer in sp.wire(model.policy).items()}
    learning = {n: g.theta for n, g in gates.items() if g and g.theta is not None}
    return {name: theta.detach().clone() for name, theta in learning.items()}


def held(model: Any) -> list[str]:
    """Return the tensors that gates hold."""
    return [key for key in model.policy.state_dict() if "gate" in key]


def set_theta(model: Any, name: str, values: list[float]) -> None:
    """Let a layer and its target learn, at these thetas and 1 for all others."""
    for twin in sp.wire(model.policy)[name].with_targets():
        assert twin.gate is not None
        twin.gate.learn(twin.like)
        twin.gate.theta.data[: len(values)] = torch.tensor(values)  # type: ignore[union-attr]


def decays(model: Any) -> dict[str, float]:
    """Return the weight decay with which each optimiser steps."""
    found = {}
    for name, optimizer in optimizers(model.policy).items():

        def look(optimizer: torch.optim.Optimizer, *_: Any, name: str = name) -> None:
            found[name] = optimizer.param_groups[0]["weight_decay"]

        optimizer.zero_grad()
        handle = optimizer.register_step_pre_hook(look)
        optimizer.step()
        handle.remove()
    return found


# What a plug-in must be.


def test_it_is_found_by_its_name() -> None:
    made = plugins.make(
        "strategies", "xinet", {"preset": "prune-c", "networks": ["ofe"]}
    )
    assert isinstance(made, XiNet)
    assert made.config == XiNetConfig(preset="prune-c", networks=("ofe",))
    with pytest.raises(ConfigError, match="tolerance"):
        plugins.make("strategies", "xinet", {"tolerance": 2.0})


@pytest.mark.parametrize("config", [None, FAST])
def test_it_keeps_the_contract_of_strategies(config: Any) -> None:
    check_strategy(XiNet, config)


@pytest.mark.parametrize("name", ["SAC", "ValueSAC", "TD3", "TQC", "PPO"])
def test_it_keeps_the_contract_with_an_extractor(name: str) -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model(name))
    for layer in ("ofe.phi_o.1", "ofe.phi_o.2"):
        set_theta(model, layer, [0.3, 0.05, 0.9])
    check_strategy(XiNet, {"networks": ["ofe"]}, [model])


def test_its_state_is_what_it_measured() -> None:
    state = json.loads(json.dumps(XiNet().state_dict()))
    assert state == {"calibration": {"nus": {}, "squares": {}}}
    for wrong in ({}, {"calibration": 3}):
        with pytest.raises(CheckpointError, match="'calibration' in the saved state"):
            XiNet().load_state_dict(wrong)


# Who learns from what.


@contextmanager
def moves(model: Any) -> Iterator[dict[str, set[str]]]:
    """Note which networks' thetas a step of each optimiser moves."""
    found: dict[str, set[str]] = {}
    last = thetas(model)

    def compare(path: str, *_: Any) -> None:
        now = thetas(model)
        changed = [n for n in now if not torch.equal(now[n], last[n])]
        found[path] = {name.rpartition(".")[0] for name in changed}
        last.update(now)
        named = model.policy.named_parameters()
        assert all(p.grad is None for name, p in named if name.endswith("theta"))

    stepping = optimizers(model.policy).items()
    handles = [o.register_step_post_hook(partial(compare, p)) for p, o in stepping]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def learn(model: Any) -> None:
    """Take an auxiliary step and one on the agent."""
    observations, actions = ofexi_zoo.inputs(model, 16)
    given = actions if model.policy.ofe.action else None
    model.policy.ofe.update(observations, given, observations)
    zoo.update(model)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SAC", {**EXTRACTOR, **ACTOR, **CRITICS}),
        ("TQC", {**EXTRACTOR, **ACTOR, **CRITICS}),
        ("TD3", {**EXTRACTOR, "actor.optimizer": {"actor.mu"}, **CRITICS}),
        (
            "ValueSAC",
            {**EXTRACTOR, **ACTOR, **CRITICS, "value.optimizer": {"value.net"}},
        ),
        ("PPO", {"ofe.optimizer": {"ofe.phi_o"}, "optimizer": HALVES}),
    ],
)
def test_an_update_steps_the_thetas_of_its_networks_alone(
    name: str, expected: dict[str, set[str]]
) -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model(name))
    model.policy_delay = 1
    with attached(model, price=1e4, theta_rate=1e-3):
        learn(model)
        with moves(model) as found:
            learn(model)
    assert found == expected


def test_the_loss_says_which_units_stay() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    with attached(model, price=0.0, theta_rate=1e-3):
        for seed in range(6):
            zoo.update(model, seed=seed)
    for theta in thetas(model).values():
        assert len(theta.unique()) > 1


def test_networks_that_were_not_asked_for_stay_sure() -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model("SAC"))
    with attached(model, networks=("ofe.phi_o", "critic.qf1")):
        for _ in range(2):
            learn(model)
    learning = {name.rpartition(".")[0] for name in thetas(model)}
    assert learning == {"ofe.phi_o", "critic.qf1"}


def test_an_unknown_network_is_refused() -> None:
    known = r"'ofe'.*actor.latent_pi, critic.qf0"
    with pytest.raises(UnknownNameError, match=known):
        XiNet(XiNetConfig(networks=("ofe",))).attach(look_at(zoo.trained("SAC"), 0.0))


def test_trpo_is_refused() -> None:
    model = zoo.make_model("TRPO")
    with pytest.raises(UnsupportedPolicyError, match=r"TRPO .* without an optimiser"):
        zoo.train(model, callback=PruningCallback("xinet"))
    assert model.num_timesteps == 0


# The L2 norm of the weights.


def test_weights_decay_by_lambda_from_attach_to_detach() -> None:
    model = ofexi_zoo.make_model(
        "SAC", policy_kwargs={"optimizer_kwargs": {"weight_decay": 0.5}}
    )
    before = decays(model)
    assert before == dict.fromkeys(before, 0.5) | {"ofe.optimizer": 0.0}
    strategy = XiNet(XiNetConfig(lambda_agent=0.25, lambda_extractor=0.125))
    for _ in range(2):
        strategy.attach(look_at(model, 0.0))
        expected = dict.fromkeys(before, 0.75) | {"ofe.optimizer": 0.125}
        assert decays(model) == expected
    assert decays(ofexi_zoo.reload(model)) == before  # A zip has the agent's own.
    strategy.detach()
    assert decays(model) == before


def test_the_entropy_coefficient_does_not_decay() -> None:
    model: Any = zoo.train(zoo.make_model("SAC"))
    with attached(model, lambda_agent=0.5):
        assert not model.ent_coef_optimizer._optimizer_step_pre_hooks


# What goes, and when.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("progress", "options", "left"),
    [
        (0.5, {}, 3),  # 0.3, 0.6 and 1
        (0.5, {"tolerance": 0.5}, 2),
        (0.5, {"tolerance": 0.7, "min_units": 2}, 2),
        (0.8, {}, 2),  # What rounds to 0 goes in the end.
        (0.8, {"min_units": 4}, 4),
    ],
)
def test_units_below_the_tolerance_go_online_and_in_the_target(
    progress: float, options: dict[str, Any], left: int
) -> None:
    model: Any = ofexi_zoo.train(ofexi_zoo.make_model("SAC"))
    name = "critic.qf0.0"
    set_theta(model, name, [0.05, 0.3, 0.0, 0.6, 0.09, *[0.02] * 6, 1.0])
    with attached(model, progress, **options) as strategy:
        plan = strategy.propose(look_at(model, progress))
    assert list(plan) == [name]
    sp.apply(model, plan)
    layer = sp.wire(model.policy)[name]
    assert layer.target is not None
    assert layer.units == layer.target.units == left
    assert thetas(model).get(name, torch.ones(0)).tolist()[-1:] == [1.0]


def test_a_layer_keeps_its_best_units() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    set_theta(model, "actor.latent_pi.0", [0.0] * 5 + [0.05] + [0.01] * 6)
    with attached(model) as strategy:
        plan = strategy.propose(look_at(model, 0.5))
    assert plan["actor.latent_pi.0"].removed.tolist() == [*range(5), *range(6, 12)]
    sp.apply(model, plan)
    with attached(model) as strategy:
        assert not strategy.propose(look_at(model, 0.5))


def test_pruning_now_ends_what_was_learnt() -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model("ValueSAC"))
    for name in sp.wire(model.policy):
        set_theta(model, name, [0.3, 0.7])
    sp.prune(model, "xinet")
    assert held(model) == []
    initial = model.policy.initial_units
    assert sp.wire(model.policy).units() == {n: k - 1 for n, k in initial.items()}
