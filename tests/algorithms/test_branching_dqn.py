"""Tests for algorithms/branching_dqn.py."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3 import DQN
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError


@pytest.fixture
def batch() -> Any:
    model = zoo.trained("BranchingDQN")
    np.random.seed(0)
    drawn = model.replay_buffer.sample(40)
    # Levers never end by themselves: let every third transition be the last.
    return drawn._replace(dones=(torch.arange(40) % 3 == 0).float()[:, None])


def make(decomposition: str) -> Any:
    model = zoo.make_model("BranchingDQN", decomposition=decomposition, gamma=0.9)
    with torch.no_grad():  # A target that differs from the online network.
        for p in model.policy.q_net_target.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


def branches(model: Any, network: Any, obs: torch.Tensor) -> list[list[float]]:
    """Return the values of each branch for one observation."""
    flat = network(obs[None])[0].tolist()
    nvec = model.action_space.nvec.tolist()
    ends = np.cumsum(nvec)
    return [flat[end - n : end] for n, end in zip(nvec, ends, strict=True)]


def huber(error: float) -> float:
    return 0.5 * error**2 if abs(error) < 1 else abs(error) - 0.5


def slow_loss(model: Any, batch: Any) -> float:
    """Compute the loss one transition and one branch at a time."""
    losses = []
    for i in range(len(batch.rewards)):
        here = branches(model, model.q_net, batch.observations[i])
        there = branches(model, model.q_net_target, batch.next_observations[i])
        chosen = [q[int(a)] for q, a in zip(here, batch.actions[i], strict=True)]
        best = [max(q) for q in there]
        going_on = 0.9 * (1 - float(batch.dones[i]))
        reward = float(batch.rewards[i])
        if model.decomposition == "sum":
            losses.append(huber(sum(chosen) - reward - going_on * sum(best)))
        else:
            pairs = zip(chosen, best, strict=True)
            losses += [huber(q - reward - going_on * y) for q, y in pairs]
    return float(np.mean(losses))


@pytest.mark.slow
@pytest.mark.parametrize("decomposition", ["sum", "independent"])
def test_the_loss_equals_a_slow_computation(decomposition: str, batch: Any) -> None:
    model = make(decomposition)
    torch.testing.assert_close(
        model._loss(batch).item(), slow_loss(model, batch), rtol=1e-5, atol=1e-6
    )


def test_the_decompositions_differ(batch: Any) -> None:
    summed, independent = make("sum"), make("independent")
    independent.set_parameters(summed.get_parameters())
    assert summed._loss(batch).item() != independent._loss(batch).item()


def test_only_the_chosen_values_get_a_gradient(batch: Any) -> None:
    model = make("sum")
    one = type(batch)(*[t[:1] if t is not None else None for t in batch])
    model._loss(one).backward()
    head = [m for m in model.q_net.q_net if isinstance(m, torch.nn.Linear)][-1]
    chosen = {int(one.actions[0, 0]), 3 + int(one.actions[0, 1])}
    assert set(head.bias.grad.nonzero().flatten().tolist()) == chosen
    assert all(p.grad is None for p in model.q_net_target.parameters())


class OneLever(zoo.Levers):
    """The first lever alone."""

    action_space = zoo.spaces.MultiDiscrete([3])

    def step(self, action: Any) -> Any:
        return super().step([action[0], 0])


class DiscreteLever(zoo.Levers):
    """The same as a Discrete action."""

    action_space = zoo.spaces.Discrete(3)

    def step(self, action: Any) -> Any:
        return super().step([action, 0])


@pytest.mark.parametrize("decomposition", ["sum", "independent"])
def test_one_branch_learns_exactly_as_stock_dqn(decomposition: str) -> None:
    kwargs = {**zoo.OFF, "seed": 0, "device": "cpu"}
    kwargs["policy_kwargs"] = {"net_arch": zoo.ARCH}
    ours = sp.BranchingDQN(
        "MlpPolicy", OneLever(), decomposition=decomposition, **kwargs
    )
    stock = zoo.train(DQN("MlpPolicy", DiscreteLever(), **kwargs))
    zoo.train(ours)
    ours.replay_buffer = stock.replay_buffer
    # A copy, for torch lets optimisers share the state they load.
    ours.set_parameters(copy.deepcopy(stock.get_parameters()))
    for model in (ours, stock):
        zoo.update(model, 20)
    assert zoo.equal(dict(ours.policy.state_dict()), dict(stock.policy.state_dict()))


def test_an_unknown_decomposition_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'sum', 'independent'.*'product'"):
        zoo.make_model("BranchingDQN", decomposition="product")


def test_other_action_spaces_are_refused() -> None:
    with pytest.raises(AssertionError, match="MultiDiscrete"):
        zoo.make_model("BranchingDQN", env=DiscreteLever())


def test_the_decomposition_is_saved(tmp_path: Path) -> None:
    model = zoo.make_model("BranchingDQN", decomposition="independent")
    model.save(tmp_path / "model.zip")
    assert sp.BranchingDQN.load(tmp_path / "model.zip").decomposition == "independent"


def test_updates_are_counted() -> None:
    model = zoo.make_model("BranchingDQN", train_freq=4, gradient_steps=2)
    zoo.train(model, 64)
    assert model._n_updates == 2 * len(range(36, 65, 4))


@pytest.mark.slow
@pytest.mark.parametrize("decomposition", ["sum", "independent"])
def test_it_learns_the_levers(decomposition: str) -> None:
    model = zoo.make_model(
        "BranchingDQN",
        decomposition=decomposition,
        learning_rate=3e-3,
        gamma=0.5,
        target_update_interval=100,
        exploration_fraction=0.3,
        batch_size=64,
        buffer_size=5_000,
        policy_kwargs={"net_arch": [32]},
    )
    zoo.train(model, 3_000)
    env = Monitor(zoo.Levers())
    mean, _ = evaluate_policy(model, env, n_eval_episodes=20)
    by_chance = zoo.Levers.length * (1 / 3 + 1 / 2)
    assert mean > 2 * by_chance


def test_components_must_start_at_zero() -> None:
    env = zoo.Levers()
    env.action_space = spaces.MultiDiscrete([3, 2], start=[0, 1])
    with pytest.raises(ConfigError, match=r"must start at 0, got \[0 1\]"):
        sp.BranchingDQN("MlpPolicy", env)
