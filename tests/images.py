"""Tiny agents on images and on dictionaries of an image and a vector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib as contrib
import stable_baselines3 as sb3
from gymnasium import spaces
from sb3_contrib.common.recurrent import policies as recurrent
from stable_baselines3.common import policies as actor_critic
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.dqn import policies as dqn
from stable_baselines3.sac import policies as sac
from stable_baselines3.td3 import policies as td3

import sb3_prune as sp

IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)
BOTH = spaces.Dict({"img": IMAGE, "vec": spaces.Box(-1, 1, (3,), np.float32)})


class Screen(gym.Env):  # type: ignore[type-arg]
    """Shows noise; the mean of the image says which action is right."""

    length = 20

    def __init__(self, observation_space: spaces.Space[Any], discrete: bool) -> None:
        self.observation_space = observation_space
        self.action_space: spaces.Space[Any] = (
            spaces.Discrete(3) if discrete else spaces.Box(-1, 1, (2,), np.float32)
        )

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self._observe(), {}

    def _observe(self) -> Any:
        light = self.np_random.integers(1, 256)
        image = self.np_random.integers(0, light, IMAGE.shape, np.uint8)
        self._mean = image.mean() / 128
        if isinstance(self.observation_space, spaces.Box):
            return image
        vector = self.np_random.uniform(-1, 1, 3).astype(np.float32)
        return {"img": image, "vec": vector}

    def step(self, action: Any) -> Any:
        reward = -abs(float(np.mean(action)) - self._mean)
        self._steps += 1
        return self._observe(), reward, False, self._steps >= self.length, {}


OFF = {"learning_starts": 16, "batch_size": 8, "buffer_size": 64}
ON = {"n_steps": 16, "batch_size": 8, "n_epochs": 2}


@dataclass(frozen=True)
class Looker:
    """A kind of agent that looks at images."""

    algorithm: type[BaseAlgorithm]
    policy: type[BasePolicy]
    masked: type[BasePolicy]
    arguments: dict[str, Any]
    policy_kwargs: dict[str, Any] = field(default_factory=dict)

    def make(self, *, stock: bool = False, **kwargs: Any) -> BaseAlgorithm:
        """Make a tiny model.

        Args:
            stock: With SB3's own policy.
            **kwargs: Further arguments of the policy.
        """
        name = self.policy.__name__
        multi = "MultiInput" in name
        discrete = self.arguments is ON or self.algorithm is sb3.DQN
        widths = {"cnn_output_dim": 10} if multi else {"features_dim": 10}
        ours = {"net_arch": [8, 6], "features_extractor_kwargs": widths}
        return self.algorithm(
            self.policy if stock else self.masked,
            Screen(BOTH if multi else IMAGE, discrete),
            seed=0,
            device="cpu",
            policy_kwargs={**ours, **self.policy_kwargs, **kwargs},
            **self.arguments,
        )


APART = {"share_features_extractor": False}
SHARED = {"share_features_extractor": True}
LSTM = {"lstm_hidden_size": 7}

LOOKERS = {
    "PPO-Cnn": Looker(
        sb3.PPO,
        actor_critic.ActorCriticCnnPolicy,
        sp.MaskedActorCriticCnnPolicy,
        ON,
    ),
    "PPO-Cnn-apart": Looker(
        sb3.PPO,
        actor_critic.ActorCriticCnnPolicy,
        sp.MaskedActorCriticCnnPolicy,
        ON,
        APART,
    ),
    "PPO-MultiInput": Looker(
        sb3.PPO,
        actor_critic.MultiInputActorCriticPolicy,
        sp.MaskedMultiInputActorCriticPolicy,
        ON,
    ),
    "DQN-Cnn": Looker(sb3.DQN, dqn.CnnPolicy, sp.MaskedDQNCnnPolicy, OFF),
    "DQN-MultiInput": Looker(
        sb3.DQN, dqn.MultiInputPolicy, sp.MaskedDQNMultiInputPolicy, OFF
    ),
    "SAC-Cnn": Looker(sb3.SAC, sac.CnnPolicy, sp.MaskedSACCnnPolicy, OFF, APART),
    "SAC-Cnn-shared": Looker(
        sb3.SAC, sac.CnnPolicy, sp.MaskedSACCnnPolicy, OFF, SHARED
    ),
    "SAC-MultiInput-shared": Looker(
        sb3.SAC, sac.MultiInputPolicy, sp.MaskedSACMultiInputPolicy, OFF, SHARED
    ),
    "TD3-Cnn": Looker(sb3.TD3, td3.CnnPolicy, sp.MaskedTD3CnnPolicy, OFF, APART),
    "TD3-MultiInput-shared": Looker(
        sb3.TD3, td3.MultiInputPolicy, sp.MaskedTD3MultiInputPolicy, OFF, SHARED
    ),
}
"""Agents on images by name."""
REMEMBERING = {
    "LSTM-Cnn": Looker(
        contrib.RecurrentPPO,
        recurrent.RecurrentActorCriticCnnPolicy,
        sp.MaskedRecurrentActorCriticCnnPolicy,
        ON,
        LSTM,
    ),
    "LSTM-MultiInput": Looker(
        contrib.RecurrentPPO,
        recurrent.RecurrentMultiInputActorCriticPolicy,
        sp.MaskedRecurrentMultiInputActorCriticPolicy,
        ON,
        LSTM | {"shared_lstm": True, "enable_critic_lstm": False},
    ),
}
"""Agents on images with memory by name."""
