"""Tests of thetas said in weights."""

from __future__ import annotations

from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from stable_baselines3 import SAC

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.exporting.compaction import compact
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.thetas import absorb


def learn_thetas(policy: Any, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for layer in sp.wire(policy).values():
        for twin in layer.with_targets():
            if twin.gate is None:  # An LSTM.
                continue
            twin.gate.learn(twin.like)
            assert twin.gate.theta is not None
            twin.gate.theta.data = torch.rand(layer.units, generator=generator)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_absorbing_keeps_every_output(name: str) -> None:
    policy = zoo.copied(name)
    bare = zoo.outputs(policy)
    learn_thetas(policy)
    before = zoo.outputs(policy)
    with pytest.raises(AssertionError):
        zoo.assert_close(before, bare, 1e-3)
    absorb(policy)
    zoo.assert_close(zoo.outputs(policy), before, 1e-5)
    assert not any(".theta" in key for key in policy.state_dict())


@pytest.mark.parametrize("expln", [False, True])
@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_absorbing_keeps_the_exploration(name: str, expln: bool) -> None:
    kwargs = {"use_expln": expln}
    env = zoo.gym.make("Pendulum-v1")
    model = zoo.make_model(name, env=env, use_sde=True, policy_kwargs=kwargs)
    learn_thetas(model.policy)
    actor = model.policy.actor if name == "SAC" else model.policy
    layer = next(la for la in sp.wire(model).values() if noise_slots(la))
    assert layer.gate is not None and layer.gate.theta is not None
    with torch.no_grad():
        actor.log_std.uniform_(-2, 3)
        layer.gate.theta[3] = 0.0
    model.policy.reset_noise(3)
    before = [*spread(model), *drawn(model)]
    agent = compact(model)
    absorb(model)
    zoo.assert_close([*spread(model), *drawn(model)], before, 1e-4)
    zoo.assert_close(list(spread(agent)), before[:2], 1e-4)
    assert actor.log_std.isfinite().all()


def noise_slots(layer: HiddenLayer) -> list[Slot]:
    return [slot for slot in layer.readers if slot.side is Side.NOISE]


def spread(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the means and standard deviations of actions."""
    observations = torch.as_tensor(zoo.observations(model, 32))
    with torch.no_grad():
        if isinstance(model, SAC):
            actor = model.actor
            mean, log_std, kwargs = actor.get_action_dist_params(observations)
            found = actor.action_dist.proba_distribution(mean, log_std, **kwargs)
        else:
            found = model.policy.get_distribution(observations)
    return found.distribution.mean, found.distribution.stddev


def drawn(model: Any) -> list[torch.Tensor]:
    """Return actions that explore, for one observation and for several."""
    actor = model.actor if isinstance(model, SAC) else model.policy
    observations = torch.as_tensor(zoo.observations(model, 3))
    with torch.no_grad():
        return [actor._predict(observations[:1]), actor._predict(observations)]


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("name", ofexi_zoo.FORMS)
def test_absorbing_keeps_what_is_said_of_features(name: str, norm: str) -> None:
    policy = ofexi_zoo.copied(name, norm)
    ofexi_zoo.learn_thetas(policy)
    before = ofexi_zoo.outputs(policy)
    absorb(policy)
    ofexi_zoo.assert_close(policy, before, 1e-4)
    assert not any(".theta" in key for key in policy.state_dict())


def test_thetas_that_a_layer_normalisation_reads_are_refused() -> None:
    policy = ofexi_zoo.copied("SAC", "layer")
    ofexi_zoo.learn_thetas(policy)
    before = ofexi_zoo.snapshot(policy)
    with pytest.raises(UnsupportedPolicyError, match=r"ofe\.phi_o\.0, .*'batch'"):
        absorb(policy)
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(policy), before)


def test_a_layer_normalisation_may_be_sure() -> None:
    policy = ofexi_zoo.copied("SAC", "layer")
    ofexi_zoo.learn_thetas(policy)
    for block in ofexi_zoo.blocks(policy):
        block.gate.settle()
    before = ofexi_zoo.outputs(policy)
    absorb(policy)
    ofexi_zoo.assert_close(policy, before, 1e-5)


def test_absorbing_nothing_changes_nothing() -> None:
    policy = zoo.copied("SAC")
    before = zoo.snapshot(policy)
    absorb(policy)
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)
