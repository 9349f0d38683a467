"""Compensated cuts of agents that are odd in one way each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import laws
import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit
from recording.worlds import Pairs
from stable_baselines3 import DQN, PPO, SAC, HerReplayBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.vec_env import DummyVecEnv

import sb3_prune as sp
from sb3_prune.exceptions import NonFiniteError

PPO_FEW = {"n_steps": 64, "batch_size": 32, "n_epochs": 2, "device": "cpu", "seed": 0}
SAC_FEW = {"learning_starts": 32, "batch_size": 16, "device": "cpu", "seed": 0}


def small() -> dict[str, Any]:
    """Return new arguments: algorithms write into them."""
    return {"policy_kwargs": {"net_arch": [12, 10]}}


class Numbers(gym.Env):  # type: ignore[type-arg]
    """Shows a whole number, or several switches."""

    action_space = spaces.MultiDiscrete([3, 2])

    def __init__(self, space: Any) -> None:
        self.observation_space = space

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        over = bool(self.np_random.random() < 0.1)
        return self.observation_space.sample(), float(action[0]), over, False, {}


def with_numbers(space: Any) -> Callable[[], Any]:
    return lambda: PPO("MlpPolicy", Numbers(space), **PPO_FEW, **small())


def hindsight(bits: int = 4) -> Any:
    env = BitFlippingEnv(n_bits=bits, continuous=True, max_steps=bits)
    buffer = {"replay_buffer_class": HerReplayBuffer}
    return SAC("MultiInputPolicy", env, **buffer, **SAC_FEW, **small())


def tight() -> Any:
    memory = {"optimize_memory_usage": True, "buffer_size": 100}
    memory["replay_buffer_kwargs"] = {"handle_timeout_termination": False}
    return DQN("MlpPolicy", "CartPole-v1", **memory, **SAC_FEW, **small())


def normalised() -> Any:
    env = zoo.normalised(make_vec_env("Pendulum-v1", n_envs=3, seed=0))
    return SAC("MlpPolicy", env, **SAC_FEW, **small())


def many() -> Any:
    env = DummyVecEnv([lambda: TimeLimit(gym.make("CartPole-v1"), 7)] * 5)
    return PPO("MlpPolicy", env, **PPO_FEW, **small())


def narrow() -> Any:
    policy = {"policy_kwargs": {"net_arch": [1, 6, 1]}}
    return PPO("MlpPolicy", "CartPole-v1", **PPO_FEW, **policy)


def frozen() -> Any:
    model = PPO("MlpPolicy", "CartPole-v1", **PPO_FEW, **small())
    for p in model.policy.mlp_extractor.policy_net[0].parameters():
        p.requires_grad = False
    return model


def of_one_critic() -> Any:
    policy = {"policy_kwargs": {"net_arch": [12, 10], "n_critics": 1}}
    return SAC("MlpPolicy", "Pendulum-v1", **SAC_FEW, **policy)


def noisy() -> Any:
    return SAC("MlpPolicy", "Pendulum-v1", use_sde=True, **SAC_FEW, **small())


def with_dictionaries() -> Any:
    return PPO("MultiInputPolicy", Pairs(), **PPO_FEW, **small())


def tiny_buffer() -> Any:
    return zoo.make_model("DQN", buffer_size=60)


ODD: dict[str, Callable[[], Any]] = {
    "discrete observations": with_numbers(spaces.Discrete(5)),
    "several discrete observations": with_numbers(spaces.MultiDiscrete([3, 4])),
    "switches": with_numbers(spaces.MultiBinary(5)),
    "hindsight": hindsight,
    "optimize_memory_usage": tight,
    "normalised, three environments": normalised,
    "five environments": many,
    "layers of one unit": narrow,
    "a frozen layer": frozen,
    "one critic": of_one_critic,
    "gSDE": noisy,
    "dictionaries": with_dictionaries,
    "a tiny buffer": tiny_buffer,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD)
def test_odd_agents_are_pruned_and_train_on(kind: str) -> None:
    model = zoo.train(ODD[kind](), 128)
    half = {"final_sparsity": 0.5, "compensate": True}
    report = sp.prune(model, "magnitude", half)
    assert report.compensation is not None and report.movement is not None
    assert report.compensation.fits.keys() == report.units.keys() and report.units
    moved = vars(report.movement).values()
    assert all(np.isfinite(far) for far in moved if far is not None)
    zoo.train_on(model, 128)
    if kind != "a frozen layer":
        laws.assert_optimised(model.policy)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD)
def test_odd_agents_play_and_are_pruned_by_reconstruction(kind: str) -> None:
    model = zoo.train(ODD[kind](), 128)
    env = model.get_env()
    sp.prune(model, "reconstruct", {"tolerance": 0.3}, env=env, episodes=6)
    zoo.train_on(model, 128)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hindsight", "five environments", "switches"])
def test_odd_agents_are_pruned_while_they_train(kind: str) -> None:
    model = ODD[kind]()
    config = {"final_sparsity": 0.5, "begin": 0.0, "end": 1.0, "steps": 8}
    zoo.train(model, 640, callback=sp.PruningCallback("magnitude", config))
    units = model.policy.initial_units
    assert sp.wire(model).units() == {n: k // 2 for n, k in units.items()}


@pytest.mark.slow
def test_hindsight_before_its_first_episode_cuts_plainly() -> None:
    """Its buffer has transitions, but can draw none of them."""
    model = zoo.train(hindsight(20), 3)
    assert model.replay_buffer.size() == 3
    assert "there are 1" in sp.prune(model, "magnitude", {"final_sparsity": 0.5}).plain


def test_every_environment_of_a_replay_buffer_gives_observations() -> None:
    model = zoo.train(normalised(), 96)
    assert model.replay_buffer.size() == 32
    inputs = sp.recording.recent_inputs(model, 1000)
    assert inputs.observations.shape == (96, 3)
    assert len(inputs.observations.unique(dim=0)) == 96


def test_double_precision_stays() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    model.policy.double()
    report = sp.prune(model, "magnitude", {"final_sparsity": 0.5, "compensate": True})
    assert report.compensation is not None
    assert {p.dtype for p in model.policy.parameters()} == {torch.float64}


def test_observations_that_are_not_finite_are_refused_while_training() -> None:
    model: Any = zoo.train(zoo.make_model("SAC"))
    model.replay_buffer.observations[:] = np.inf
    with pytest.raises(NonFiniteError):
        sp.prune(model, "reconstruct")
