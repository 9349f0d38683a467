"""Tests for holding.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import ofexi_zoo
import pytest
import torch
import zoo
from sb3_prune_xinet import XiNet, XiNetConfig
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.gates import Gate
from sb3_prune.pruning import look_at

THETA = 0.75


class Own(BaseFeaturesExtractor):
    """Features that a network of SB3 learns by its own gradient."""

    def __init__(self, observation_space: gym.Space[Any]) -> None:
        super().__init__(observation_space, 4)
        self.layer = nn.Linear(3, 4)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.layer(observations)


def plain(name: str) -> Any:
    return zoo.train(zoo.make_model(name))


def featured(name: str) -> Any:
    return ofexi_zoo.train(ofexi_zoo.make_model(name))


def own_features(name: str) -> Any:
    kwargs = {"policy_kwargs": {"features_extractor_class": Own}}
    return zoo.train(zoo.make_model(name, **kwargs))


@contextmanager
def traced(model: Any, monkeypatch: Any) -> Iterator[list[str]]:
    """Note which network each multiplier belongs to, and whether it was drawn.

    ``+actor.latent_pi`` was drawn, ``critic.qf0`` stands still; in the order of calls,
    once per network and call.
    """
    names: dict[Gate, str] = {}
    for layer in sp.wire(model.policy).values():
        for twin in layer.with_targets():
            if twin.gate is None:  # An extractor of one's own: no Sequential.
                continue
            twin.gate.learn(twin.like)
            twin.gate.theta.data.fill_(THETA)  # type: ignore[union-attr]
            names[twin.gate] = twin.network
    trace: list[str] = []
    drawn: list[int] = []
    bernoulli, multiplier = torch.bernoulli, Gate._multiplier

    def note_draw(theta: torch.Tensor) -> torch.Tensor:
        drawn.append(1)
        return bernoulli(theta)

    def note(gate: Gate, theta: Any) -> torch.Tensor:
        drawn.clear()
        found = multiplier(gate, theta)
        sign = "+" if drawn else ""
        if not drawn:
            assert not found.requires_grad
            assert (found == THETA).all()
        trace.append(sign + names[gate])
        return found

    monkeypatch.setattr(torch, "bernoulli", note_draw)
    monkeypatch.setattr(Gate, "_multiplier", note)
    strategy = XiNet(XiNetConfig(begin=1.0, end=1.0))
    strategy.attach(look_at(model, 0.5))
    try:
        yield trace
    finally:
        strategy.detach()


def calls(trace: list[str]) -> list[str]:
    """Drop repetitions: a network has a gate per layer."""
    return [x for i, x in enumerate(trace) if i == 0 or trace[i - 1] != x]


ACTOR, TARGETS = "actor.latent_pi", ["critic_target.qf0", "critic_target.qf1"]
DRAWN, HELD = ["+critic.qf0", "+critic.qf1"], ["critic.qf0", "critic.qf1"]
SAC = [f"+{ACTOR}", ACTOR, *TARGETS, *DRAWN, *HELD]
TD3 = ["actor_target.mu", *TARGETS, *DRAWN, "+actor.mu", "critic.qf0"]
VALUE = [f"+{ACTOR}", *HELD, "+value.net", "value_target.net", *DRAWN]
PPO = ["+mlp_extractor.policy_net", "+mlp_extractor.value_net"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "name", "expected"),
    [
        (plain, "SAC", SAC),
        (featured, "SAC", SAC),
        (own_features, "SAC", SAC),
        (plain, "TQC", SAC),
        (featured, "TQC", SAC),
        (own_features, "TQC", SAC),
        (plain, "TD3", TD3),
        (featured, "TD3", TD3),
        (own_features, "TD3", TD3),
        (plain, "ValueSAC", VALUE),
        (featured, "ValueSAC", VALUE),
        (plain, "DQN", ["q_net_target.q_net", "+q_net.q_net"]),
        (plain, "PPO", PPO),
        (featured, "PPO", PPO),
    ],
)
def test_only_the_network_that_is_updated_draws(
    make: Callable[[str], Any], name: str, expected: list[str], monkeypatch: Any
) -> None:
    model = make(name)
    if hasattr(model, "policy_delay"):
        model.policy_delay = 1
    with traced(model, monkeypatch) as trace:
        zoo.update(model)
    agent = calls([call for call in trace if "ofe." not in call])
    updates = zoo.updates_per_train(model) if name == "PPO" else 1
    assert agent == expected * updates
    assert not any("+ofe." in call for call in trace)


def test_the_joint_pass_of_crossq_draws_once_for_values_and_targets(
    monkeypatch: Any,
) -> None:
    model = plain("CrossQ")
    model._n_updates = model.policy_delay - 1  # The actor's turn as well.
    with traced(model, monkeypatch) as trace:
        zoo.update(model)
    assert calls(trace) == [ACTOR, *DRAWN, f"+{ACTOR}", *HELD]


@pytest.mark.parametrize("name", ofexi_zoo.ALGORITHMS)
def test_the_auxiliary_update_draws_in_the_extractor_alone(
    name: str, monkeypatch: Any
) -> None:
    model = featured(name)
    with traced(model, monkeypatch) as trace:
        ofexi_update(model)
    branches = ["+ofe.phi_o", "+ofe.phi_oa"]
    assert calls(trace) == (branches if model.policy.ofe.action else branches[:1])


def ofexi_update(model: Any) -> None:
    """Take one auxiliary step on random transitions."""
    observations, actions = ofexi_zoo.inputs(model, 16)
    given = actions if model.policy.ofe.action else None
    model.policy.ofe.update(observations, given, observations)


@pytest.mark.parametrize("make", [plain, featured])
@pytest.mark.parametrize("name", ["SAC", "TD3", "ValueSAC", "PPO"])
def test_acting_draws_nothing(
    make: Callable[[str], Any], name: str, monkeypatch: Any
) -> None:
    model = make(name)
    with traced(model, monkeypatch) as trace:
        first, second = zoo.actions(model), zoo.actions(model)
        model.predict(zoo.observations(model), deterministic=False)
        model.collect_rollouts(
            model.env, *_collecting(model)
        ) if name == "PPO" else model._sample_action(0)
    assert trace
    assert not any(call.startswith("+") for call in trace)
    assert (first == second).all()


def _collecting(model: Any) -> tuple[Any, ...]:
    _, callback = model._setup_learn(64, None)
    callback.on_training_start({}, {})
    return callback, model.rollout_buffer, model.n_steps


def test_a_released_gate_is_held_no_more() -> None:
    model = plain("SAC")
    strategy = XiNet(XiNetConfig(begin=1.0, end=1.0))
    strategy.attach(look_at(model, 0.5))
    obs, actions = ofexi_zoo.inputs(model)
    model.critic(obs, actions.requires_grad_())
    held = [la.gate.hold for la in sp.wire(model.policy).values() if la.gate]
    assert any(held)
    strategy.detach()
    assert not any(la.gate.hold for la in sp.wire(model.policy).values() if la.gate)
    assert not any(m._forward_pre_hooks for m in model.policy.modules())
