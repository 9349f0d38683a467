"""Tests for compact.py; loading elsewhere is in test_laws.py."""

from __future__ import annotations

import io
import random
from typing import Any, get_overloads, get_type_hints

import numpy as np
import pytest
import torch
import zoo
from grouping import MaskedGrouping, grouped_model
from gymnasium import spaces
from stable_baselines3 import DQN, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.exceptions import CompactError, UnsupportedPolicyError
from sb3_prune.exporting.compaction import compact, joint_matrix, stock_class
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.surgery.optimizer import optimizers


def cut(name: str, **kwargs: Any) -> BaseAlgorithm:
    model = zoo.train(zoo.make_model(name, **kwargs))
    sp.apply(model, zoo.random_plan(model.policy))
    return zoo.train_on(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.STOCK)
def test_a_compact_model_is_stock_says_the_same_and_trains_on(name: str) -> None:
    model = cut(name)
    sp.mask(model, zoo.random_plan(model.policy, least=0, gated=True))
    plain = compact(model)
    assert not type(plain.policy).__module__.startswith("sb3_prune")
    zoo.assert_close(zoo.outputs(plain.policy), zoo.outputs(model.policy), 1e-6)
    stock = zoo.make_model(name, stock=True, policy_kwargs=plain.policy_kwargs)
    assert set(plain.policy.state_dict()) == set(stock.policy.state_dict())
    zoo.train_on(plain)


SDE = [("SAC", True), ("TQC", True)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sde"), [*((n, False) for n in zoo.ALGORITHMS), *SDE])
def test_compacting_changes_neither_model_nor_randomness(name: str, sde: bool) -> None:
    model = cut(name, **({"use_sde": True} if sde else {}))
    sp.mask(model, zoo.random_plan(model.policy, least=0, gated=True))
    before, kwargs = zoo.snapshot(model.policy), dict(model.policy_kwargs)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    compact(model)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
    assert model.policy_kwargs == kwargs
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])


def test_types_are_those_of_the_plain_agents() -> None:
    found = [get_type_hints(each) for each in get_overloads(compact)]
    pairs = [(hints["model"], hints["return"]) for hints in found]
    assert pairs[:2] == [(sp.BranchingDQN, DQN), (sp.ValueSAC, SAC)]
    assert pairs[2][0] is pairs[2][1]


@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN"])
def test_optimizer_states_go_along(name: str) -> None:
    model = cut(name)
    plain = compact(model)
    for key in ("actor.optimizer", "optimizer"):
        if key in optimizers(model.policy):
            found, expected = (optimizers(m.policy)[key] for m in (plain, model))
            assert expected.state
            assert zoo.equal(found.state_dict(), expected.state_dict())


@pytest.mark.parametrize("name", zoo.TWIN_CRITICS)
def test_twin_critics_are_padded_to_the_wider_one(name: str) -> None:
    model = cut(name)
    widths: dict[str, list[int]] = {}
    for layer, units in sp.wire(model.policy).units().items():
        widths.setdefault(layer.rpartition(".")[0], []).append(units)
    qf0, qf1 = widths["critic.qf0"], widths["critic.qf1"]
    assert qf0 != qf1
    arch = compact(model).policy_kwargs["net_arch"]
    assert arch["qf"] == [max(pair) for pair in zip(qf0, qf1, strict=True)]
    actor = next(v for k, v in widths.items() if k.startswith("actor."))
    assert arch["pi"] == actor


def test_other_policy_arguments_are_kept() -> None:
    kwargs = {"activation_fn": torch.nn.Tanh, "n_critics": 3}
    plain = compact(cut("SAC", policy_kwargs=kwargs))
    assert kwargs.items() <= plain.policy_kwargs.items()


def test_a_stock_model_is_compacted_to_itself() -> None:
    model = zoo.train(zoo.make_model("TD3", stock=True))
    plain = compact(model)
    zoo.assert_close(zoo.outputs(plain.policy), zoo.outputs(model.policy), 0.0)


def test_the_temperature_is_left_behind() -> None:
    plain = compact(cut("DQN", policy_kwargs={"temperature": 2.0}))
    assert type(plain.policy) is DQNPolicy
    assert "temperature" not in plain.policy_kwargs


class OwnPolicy(SACPolicy):
    """A user's policy with an argument of its own."""

    def __init__(self, *args: Any, colour: str = "red", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.colour = colour


class MaskedOwnPolicy(MaskedPolicyMixin, OwnPolicy):
    """Its masked subclass."""


def test_a_users_policy_keeps_its_arguments() -> None:
    kwargs = {"colour": "blue", "use_expln": True}
    plain = compact(cut("SAC", policy=MaskedOwnPolicy, policy_kwargs=kwargs))
    assert type(plain.policy) is OwnPolicy
    assert plain.policy.colour == "blue" and plain.policy_kwargs["use_expln"]


# Branching agents.


@pytest.mark.parametrize("nvec", [[3, 2], [2, 2, 2], [4]])
def test_joint_actions_are_in_the_order_of_numpy(nvec: list[int]) -> None:
    outputs = torch.arange(1.0, sum(nvec) + 1)
    branches = [part.numpy() for part in torch.split(outputs, nvec)]
    joint = (joint_matrix(nvec) @ outputs).numpy()
    assert len(joint) == np.prod(nvec)
    for index, value in enumerate(joint):
        digits = np.unravel_index(index, nvec)
        assert value == sum(q[d] for q, d in zip(branches, digits, strict=True))


def test_a_branching_agent_becomes_a_joint_dqn() -> None:
    model = cut("BranchingDQN")
    plain = compact(model)
    assert type(plain) is DQN and plain.action_space == spaces.Discrete(6)
    digits = np.unravel_index(zoo.actions(plain), [3, 2])
    assert np.array_equal(np.stack(digits, axis=1), zoo.actions(model))


def test_a_joint_value_is_the_sum_of_its_branches() -> None:
    model = cut("BranchingDQN")
    plain, obs = compact(model), torch.as_tensor(zoo.observations(model, 50))
    for name in ("q_net", "q_net_target"):
        branches = getattr(model.policy, name).branch_values(obs)
        expected = branches[:, 0, :, None] + branches[:, 1, None, :2]
        found = getattr(plain.policy, name)(obs)
        torch.testing.assert_close(found, expected.flatten(1))


class JointLevers(zoo.Levers):
    """Levers with joint actions."""

    action_space = spaces.Discrete(6)

    def step(self, action: Any) -> Any:
        return super().step(np.unravel_index(action, [3, 2]))


def test_a_joint_dqn_trains_on() -> None:
    plain = compact(cut("BranchingDQN"))
    buffer = io.BytesIO()
    plain.save(buffer)
    buffer.seek(0)
    zoo.train_on(DQN.load(buffer, env=JointLevers(), device="cpu"))


class ManyLevers(zoo.Levers):
    """Too many levers to join."""

    action_space = spaces.MultiDiscrete([10] * 6)


def test_too_many_joint_actions_are_refused() -> None:
    model = zoo.make_model("BranchingDQN", env=ManyLevers())
    with pytest.raises(
        CompactError, match="make 1000000 joint actions, more than 100000"
    ):
        compact(model)


# Agents with a value network.


def test_a_value_agent_becomes_a_stock_sac() -> None:
    model = cut("ValueSAC")
    sp.mask(model, zoo.random_plan(model.policy, least=0, gated=True))
    plain = compact(model)
    assert type(plain) is SAC and type(plain.policy) is SACPolicy
    np.testing.assert_allclose(zoo.actions(plain), zoo.actions(model), atol=1e-6)
    obs = torch.as_tensor(zoo.observations(model, 50))
    acts = torch.as_tensor(zoo.actions(model, 50))
    for network in (plain.critic, plain.critic_target):
        for found, expected in zip(
            network(obs, acts), model.policy.critic(obs, acts), strict=True
        ):
            torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_its_value_is_left_behind_and_it_trains_on() -> None:
    model = cut("ValueSAC")
    plain = compact(model)
    assert not [k for k in plain.policy.state_dict() if k.startswith("value")]
    assert not hasattr(plain, "value") and hasattr(model, "value")
    before = optimizers(model.policy)["actor.optimizer"].state_dict()
    after = optimizers(plain.policy)["actor.optimizer"].state_dict()
    assert zoo.equal(after, before)
    assert torch.equal(plain.log_ent_coef, model.log_ent_coef)
    assert plain.env is model.env
    zoo.train_on(plain)


# Classes that no stock policy can say.


def test_the_stock_class_is_the_first_that_is_not_ours() -> None:
    assert stock_class(sp.MaskedSACPolicy) is SACPolicy
    assert stock_class(sp.BranchingDQNPolicy) is DQNPolicy
    assert stock_class(MaskedOwnPolicy) is OwnPolicy
    assert stock_class(SACPolicy) is SACPolicy


class NoStockPolicy(MaskedPolicyMixin):
    """A policy that is no stock policy."""


def test_a_class_without_stock_policy_is_refused() -> None:
    with pytest.raises(CompactError, match="NoStockPolicy"):
        stock_class(NoStockPolicy)  # type: ignore[arg-type]


def test_an_unknown_network_is_refused() -> None:
    model = zoo.make_model("DQN", stock=True)
    model.policy.q_net = model.policy.q_net_target = torch.nn.Linear(4, 2)
    with pytest.raises(UnsupportedPolicyError, match="DQNPolicy"):
        sp.wire(model.policy)


# What SB3 could not load.


def test_an_optimiser_with_groups_of_its_own_is_refused_with_a_way_out() -> None:
    model = grouped_model()
    sp.apply(model, zoo.random_plan(model.policy))
    with pytest.raises(CompactError, match=r"policy\.optimizer .*single group"):
        compact(model)
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    plain = compact(model)
    zoo.assert_close(zoo.outputs(plain.policy), zoo.outputs(model.policy), 1e-6)
    zoo.train_on(plain)


def test_groups_that_only_a_users_class_builds_are_refused() -> None:
    model = cut("PPO", policy=MaskedGrouping)
    plain = compact(model)  # Grouping is the stock class: not of sb3_prune.
    assert len(plain.policy.optimizer.param_groups) == 2
    model.policy_class = sp.MaskedActorCriticPolicy
    with pytest.raises(CompactError, match=r"policy\.optimizer \(groups of 2 and 10"):
        compact(model)


def test_a_stock_model_that_forgets_its_widths_is_to_be_adopted() -> None:
    model = zoo.train(zoo.make_model("TD3", stock=True))
    surgery.apply(model, zoo.random_plan(model.policy))
    with pytest.raises(CompactError, match=r"adopt\(model\)"):
        compact(model)
    sp.adopt(model)
    zoo.assert_close(
        zoo.outputs(compact(model).policy), zoo.outputs(model.policy), 1e-6
    )
