"""Agents of every kind, to be exported, and their traced decisions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import gymnasium as gym
import numpy as np
import ofexi_zoo
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
import zoo
from gymnasium import spaces
from images import LOOKERS, REMEMBERING
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from sb3_prune.exporting.program import Decision
from sb3_prune.exporting.tracing import trace

BOX = spaces.Box(-1, 1, (3,), np.float32)
WIDE = spaces.Box(-np.inf, np.inf, (4,), np.float64)
MIXED = spaces.Dict(
    {
        "joint angle": BOX,
        "gear": spaces.Discrete(3),
        "lamps": spaces.MultiBinary(2),
        "dials": spaces.MultiDiscrete([2, 4]),
    }
)


class Anything(gym.Env):  # type: ignore[type-arg]
    """Observations are drawn, actions do nothing, an episode takes ten steps."""

    def __init__(self, observations: spaces.Space[Any], actions: Any) -> None:
        self.observation_space, self.action_space = observations, actions
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        self._steps += 1
        return self.observation_space.sample(), 0.0, False, self._steps >= 10, {}

    def action_masks(self) -> np.ndarray:
        sizes = getattr(self.action_space, "nvec", None)
        return np.ones(self.action_space.n if sizes is None else sum(sizes), bool)


def anyhow(
    observations: spaces.Space[Any],
    actions: spaces.Space[Any],
    cls: Any = sb3.PPO,
    policy: Any = None,
    **policy_kwargs: Any,
) -> BaseAlgorithm:
    """Make an agent for two spaces, with weights that are drawn."""
    multi = isinstance(observations, spaces.Dict)
    name = policy or ("MultiInputPolicy" if multi else "MlpPolicy")
    given = {"net_arch": [8, 6], **policy_kwargs}
    env = Anything(observations, actions)
    return stirred(cls(name, env, policy_kwargs=given, device="cpu", seed=0))


@torch.no_grad()
def stirred(model: BaseAlgorithm, seed: int = 0) -> BaseAlgorithm:
    """Draw all weights anew: PPO's last layer is nearly zero at first."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.policy.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.add_(noise, alpha=0.2)
    return model


def gated(name: str) -> BaseAlgorithm:
    """Return an agent with closed gates."""
    model = zoo.train(zoo.make_model(name))
    sp.mask(model, zoo.random_plan(model.policy, gated=True))
    return model


def _learnt(name: str, norm: str) -> BaseAlgorithm:
    model = ofexi_zoo.train(ofexi_zoo.make_model(name, ofe={"norm": norm}))
    ofexi_zoo.scramble(model.policy)
    ofexi_zoo.learn_thetas(model.policy)
    return model  # type: ignore[no-any-return]


TWO = spaces.MultiDiscrete([3, 2])
AGENTS: dict[str, Callable[[], BaseAlgorithm]] = {
    **{name: partial(zoo.trained, name) for name in zoo.ALGORITHMS},
    "SAC-sde": lambda: stirred(zoo.make_model("SAC", use_sde=True)),
    "PPO-sde": partial(
        anyhow, BOX, BOX, partial(sb3.PPO, use_sde=True), squash_output=True
    ),
    "PPO-box": partial(anyhow, WIDE, BOX),
    "PPO-two": partial(anyhow, BOX, TWO),
    "PPO-binary": partial(anyhow, BOX, spaces.MultiBinary(3)),
    "PPO-mixed": partial(anyhow, MIXED, spaces.Discrete(3)),
    "PPO-discrete": partial(anyhow, spaces.Discrete(5), TWO),
    "PPO-exotic": partial(anyhow, BOX, BOX, activation_fn=nn.GELU),
    "Maskable-two": partial(anyhow, BOX, TWO, contrib.MaskablePPO),
    "LSTM-two": partial(anyhow, BOX, TWO, contrib.RecurrentPPO, "MlpLstmPolicy"),
    "ARS": lambda: stirred(contrib.ARS("MlpPolicy", Anything(BOX, BOX), seed=0)),
    "SAC-gated": partial(gated, "SAC"),
    "DQN-gated": partial(gated, "DQN"),
    "PPO-Cnn": LOOKERS["PPO-Cnn"].make,
    "SAC-MultiInput": LOOKERS["SAC-MultiInput-shared"].make,
    "LSTM-MultiInput": REMEMBERING["LSTM-MultiInput"].make,
    **{
        f"OFEXi-{name}-{norm}": partial(_learnt, name, norm)
        for name, norm in [
            ("SAC", "batch"),
            ("PPO", "layer"),
            ("TQC", "none"),
            ("TD3", "batch"),
            ("ValueSAC", "batch"),
        ]
    },
}
"""Name -> what makes an agent. Agents must not be changed: some are cached."""
FEW = ["SAC", "PPO", "DQN", "RecurrentPPO", "PPO-mixed"]
"""Agents that are tried in the part of the tests that is run often."""


@cache
def agent(name: str) -> BaseAlgorithm:
    """Return an agent, for tests that do not change it."""
    return AGENTS[name]()


@cache
def decision(name: str, *extras: str) -> Decision:
    """Return the traced decision of an agent."""
    return trace(agent(name), extras=extras)
