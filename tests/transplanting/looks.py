"""An environment that shows anything, and agents that were trained in it."""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import zoo
from gymnasium import spaces
from sb3_contrib import TQC, RecurrentPPO
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm

from transplanting.made import space_of

CLASSES: dict[str, Any] = {
    "PPO": PPO,
    "DQN": DQN,
    "SAC": SAC,
    "TQC": TQC,
    "RecurrentPPO": RecurrentPPO,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "PPO": {"n_steps": 32, "batch_size": 16},
    "RecurrentPPO": {"n_steps": 32, "batch_size": 16},
}
BUFFER = {"buffer_size": 100, "learning_starts": 40, "batch_size": 16}


def image(channels: int = 3, height: int = 36, width: int = 36) -> spaces.Box:
    return spaces.Box(0, 255, (channels, height, width), np.uint8)


def numbers(*shape: int) -> spaces.Box:
    return spaces.Box(-1, 1, shape, np.float32)


class Looks(gym.Env):  # type: ignore[type-arg]
    """Draws observations; the reward is 1 for the first action."""

    def __init__(self, space: spaces.Space[Any], actions: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = space, actions
        space.seed(0)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        self._steps += 1
        reward = float(np.ravel(action)[0] == 0)
        return self.observation_space.sample(), reward, False, self._steps >= 10, {}


def env_of(name: str, space: spaces.Space[Any]) -> Looks:
    return Looks(space, space_of(name, 3))


def untrained(name: str, space: spaces.Space[Any], **given: Any) -> BaseAlgorithm:
    """Return a new agent for some observations, with small networks."""
    kind = "MlpPolicy"
    if isinstance(space, spaces.Dict):
        kind = "MultiInputPolicy"
    elif space.dtype == np.uint8:
        kind = "CnnPolicy"
    kind = kind.replace("Policy", "LstmPolicy") if name == "RecurrentPPO" else kind
    given = {**SETTINGS.get(name, BUFFER), **given}
    lstm = {"lstm_hidden_size": 16} if name == "RecurrentPPO" else {}
    kwargs = {"net_arch": [8, 8]} | lstm | given.pop("policy_kwargs", {})
    env = env_of(name, space)
    made: BaseAlgorithm = CLASSES[name](
        kind, env, seed=0, policy_kwargs=kwargs, device="cpu", **given
    )
    return made


@cache
def _trained(name: str, space: str) -> BaseAlgorithm:
    return zoo.train(untrained(name, SPACES[space]), 96)


SPACES: dict[str, spaces.Space[Any]] = {
    "image": image(),
    "rows": numbers(2, 3),
    "choices": spaces.Discrete(4),
    "branches": spaces.MultiDiscrete([2, 3]),
    "switches": spaces.MultiBinary(3),
    "keys": spaces.Dict({"arm": numbers(3), "ball": numbers(2), "eye": image(2)}),
    "flat keys": spaces.Dict({"arm": numbers(3), "mode": spaces.Discrete(3)}),
    "vector": numbers(5),
}


def trained(name: str, space: str) -> BaseAlgorithm:
    """Return an agent that was trained for a moment; nobody may change it."""
    return _trained(name, space)


@torch.no_grad()
def said(model: Any, observations: Any) -> torch.Tensor:
    """Return what an agent does, or its Q-values: (observations, ...)."""
    policy = model.policy
    policy.set_training_mode(False)
    tensors, _ = policy.obs_to_tensor(observations)
    if hasattr(policy, "q_net"):
        found: torch.Tensor = policy.q_net(tensors)
        return found
    if hasattr(policy, "lstm_actor"):
        shape = policy.lstm_hidden_state_shape
        zeros = torch.zeros(shape[0], 1, shape[2])
        count = len(
            next(iter(tensors.values())) if isinstance(tensors, dict) else tensors
        )
        starts = torch.ones(count)
        logits = policy.get_distribution(tensors, (zeros, zeros), starts)[0]
        values = policy.predict_values(tensors, (zeros, zeros), starts)
        return torch.cat([logits.distribution.logits, values], 1)
    if hasattr(policy, "critic"):
        actions = policy._predict(tensors, deterministic=True)
        values = policy.critic(tensors, actions)
        values = values if isinstance(values, torch.Tensor) else torch.cat(values, 1)
        return torch.cat([actions, values.flatten(1)], 1)
    logits = policy.get_distribution(tensors).distribution.logits
    return torch.cat([logits, policy.predict_values(tensors)], 1)
