"""Tests for compensation/distillation.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from torch import nn
from torch.distributions import Categorical

import sb3_prune as sp
from sb3_prune.compensation import distillation
from sb3_prune.compensation.distillation import distil, loss
from sb3_prune.exceptions import (
    ConfigError,
    NoObservationsError,
    UnsupportedPolicyError,
)
from sb3_prune.penalties import PENALTIES, PenaltyHooks
from sb3_prune.recording import play_inputs
from sb3_prune.recording.samples import part
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.targets import target_networks
from sb3_prune.surgery.trial import copied

NAMES = [name for name in zoo.ALGORITHMS if name != "RecurrentPPO"]


def cut(name: str) -> tuple[Any, Any, Inputs]:
    """Return a model with half of its units, its dense policy, and states."""
    model = zoo.train(zoo.make_model(name))
    inputs = play_inputs(model, model.get_env(), episodes=4)
    dense = copied(model.policy)
    sp.prune(model, "random", {"final_sparsity": 0.5, "compensate": False})
    return model, dense, inputs


def values(module: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.mark.slow
def test_penalties_stay_out_of_a_distillation() -> None:
    """They belong to the training of the agent."""
    learnt = []
    for strength in (0.0, 1e3):
        model, dense, inputs = cut("SAC")
        hooks = PenaltyHooks()
        layers = sp.wire(model).values()
        hooks.attach(model, PENALTIES["l1"], dict.fromkeys(layers, strength))
        distil(model.policy, dense, inputs, 5)
        learnt.append(values(model.policy))
    assert all(torch.equal(learnt[0][key], learnt[1][key]) for key in learnt[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_pruned_agent_learns_the_answers_of_the_dense_one(name: str) -> None:
    model, dense, inputs = cut(name)
    taught = values(dense)
    optimizers = {key: o.state_dict() for key, o in _optimizers(model).items()}
    found = distil(model.policy, dense, inputs, 60)
    assert found.after <= found.before
    assert torch.isfinite(torch.tensor([found.before, found.after])).all()
    for key, tensor in values(dense).items():
        assert torch.equal(tensor, taught[key])
    for key, optimizer in _optimizers(model).items():
        assert str(optimizer.state_dict()) == str(optimizers[key])
    assert all(p.grad is None for p in model.policy.parameters())
    zoo.train(model, 32)


def _optimizers(model: Any) -> dict[str, torch.optim.Optimizer]:
    from sb3_prune.surgery.optimizer import optimizers

    return optimizers(model)


@pytest.mark.slow
def test_it_helps_a_good_deal() -> None:
    model, dense, inputs = cut("PPO")
    found = distil(model.policy, dense, inputs, 300)
    assert found.after < 0.5 * found.before


def test_an_equal_agent_has_nothing_to_learn() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    inputs = play_inputs(model, model.get_env(), episodes=4)
    before = values(model.policy)
    with torch.no_grad():
        assert float(loss(model.policy, copied(model.policy), inputs)) == 0.0
    found = distil(model.policy, copied(model.policy), inputs, 5)
    assert found.after == found.before == 0.0
    for key, tensor in values(model.policy).items():
        assert torch.equal(tensor, before[key])  # A worse result was not kept.


def test_the_loss_is_that_of_the_equation() -> None:
    model, dense, inputs = cut("PPO")
    policy, seen = model.policy, inputs.observations
    with torch.no_grad():
        p, q = (
            Categorical(logits=each.get_distribution(seen).distribution.logits)
            for each in (dense, policy)
        )
        kl = (p.probs * (p.logits - q.logits)).sum(1).mean()
        v, w = (each.predict_values(seen) for each in (dense, policy))
        far = (v - w).square().mean() / v.var(dim=0, correction=0).clamp_min(1e-8)
        expected = float(kl + far)
        assert float(loss(policy, dense, inputs)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights() -> None:
    found = []
    for _ in range(2):
        model, dense, inputs = cut("SAC")
        distil(model.policy, dense, inputs, 5, seed=3)
        found.append(values(model.policy.actor))
    for key, tensor in found[0].items():
        assert torch.equal(tensor, found[1][key])


def test_global_random_states_stay() -> None:
    model, dense, inputs = cut("SAC")
    before = torch.get_rng_state()
    distil(model.policy, dense, inputs, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_cannot_be_distilled_is_refused() -> None:
    model, dense, inputs = cut("PPO")
    with pytest.raises(ConfigError, match="updates must be at least 1"):
        distil(model.policy, dense, inputs, 0)
    with pytest.raises(NoObservationsError, match="takes 20 states, there are 19"):
        distil(model.policy, dense, part(inputs, slice(19)), 3)
    found = distil(model.policy, dense, part(inputs, slice(20)), 3)
    assert found.after <= found.before
    recurrent = zoo.train(zoo.make_model("RecurrentPPO"))
    with pytest.raises(UnsupportedPolicyError, match="memory"):
        distil(recurrent.policy, recurrent.policy, inputs, 3)


def test_what_is_measured_does_not_depend_on_how_it_is_cut_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, dense, inputs = cut("PPO")
    inputs = part(inputs, torch.arange(101))
    whole = distillation._measured(model.policy, dense, inputs)
    pieces = [part(inputs, torch.arange(101)[at : at + 50]) for at in (0, 50, 100)]
    monkeypatch.setattr(distillation, "chunks", lambda _: iter(pieces))
    assert distillation._measured(model.policy, dense, inputs) == pytest.approx(whole)
    expected = loss(model.policy, dense, inputs).item()
    assert whole == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["DQN", "TD3"])
def test_targets_get_what_was_learnt(name: str) -> None:
    """What a plain cut left of them would teach the agent when it trains on."""
    model, dense, inputs = cut(name)
    done = distil(model.policy, dense, inputs, 50)
    assert done.after < done.before
    pairs = target_networks(model.policy)
    assert pairs
    for online, targets in pairs.items():
        learnt = values(model.policy.get_submodule(online))
        for target in targets:
            zoo.assert_same(values(model.policy.get_submodule(target)), learnt)


def test_targets_of_networks_that_learn_nothing_stay() -> None:
    model, _, inputs = cut("DQN")
    before = values(model.policy.q_net_target)
    distil(model.policy, copied(model.policy), inputs, 2)
    zoo.assert_same(values(model.policy.q_net_target), before)


class Counted(nn.Linear):
    """Has a state besides its tensors."""

    def get_extra_state(self) -> dict[str, int]:
        """Return what is no tensor."""
        return {"count": 3}

    def set_extra_state(self, state: Any) -> None:
        """Take it."""


def test_states_that_are_no_tensors_are_copied_as_well() -> None:
    model, dense, inputs = cut("DQN")
    for policy in (model.policy, dense):
        for net in (policy.q_net, policy.q_net_target):
            old = net.q_net[-1]
            net.q_net[-1] = Counted(old.in_features, old.out_features)
            net.q_net[-1].load_state_dict(old.state_dict(), strict=False)
    assert distil(model.policy, dense, inputs, 20).updates == 20
