"""Tiny models of every supported algorithm, and a few steps of their training."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

import sb3_prune as sp
from sb3_prune.surgery.chains import policy_chains

OFF: dict[str, Any] = {"learning_starts": 32, "batch_size": 16, "buffer_size": 500}
ON: dict[str, Any] = {"n_steps": 32}
ARCH = [12, 10]


class MaskableCartPole(gym.Wrapper):  # type: ignore[type-arg]
    """CartPole that allows every action, for MaskablePPO."""

    def __init__(self) -> None:
        super().__init__(gym.make("CartPole-v1"))

    def action_masks(self) -> np.ndarray:
        return np.ones(2, dtype=bool)


class Levers(gym.Env):  # type: ignore[type-arg]
    """Two levers of three and two positions; the reward counts the right ones."""

    observation_space = spaces.Box(-1, 1, (3,), np.float32)
    action_space = spaces.MultiDiscrete([3, 2])

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        self._seen = self.np_random.uniform(-1, 1, 3).astype(np.float32)
        return self._seen

    def step(self, action: Any) -> Any:
        right = [self._seen.argmax() == action[0], (self._seen[0] > 0) == action[1]]
        self._steps += 1
        return self._observe(), float(sum(right)), False, self._steps >= 20, {}


CASES: dict[str, tuple[type[BaseAlgorithm], type, Any, dict[str, Any]]] = {
    "DQN": (sb3.DQN, sp.MaskedDQNPolicy, "CartPole-v1", OFF),
    "QRDQN": (contrib.QRDQN, sp.MaskedQRDQNPolicy, "CartPole-v1", OFF),
    "BranchingDQN": (sp.BranchingDQN, sp.BranchingDQNPolicy, Levers, OFF),
    "SAC": (sb3.SAC, sp.MaskedSACPolicy, "Pendulum-v1", OFF),
    "TD3": (sb3.TD3, sp.MaskedTD3Policy, "Pendulum-v1", OFF),
    "DDPG": (sb3.DDPG, sp.MaskedTD3Policy, "Pendulum-v1", OFF),
    "TQC": (contrib.TQC, sp.MaskedTQCPolicy, "Pendulum-v1", OFF),
    "CrossQ": (contrib.CrossQ, sp.MaskedCrossQPolicy, "Pendulum-v1", OFF),
    "PPO": (
        sb3.PPO,
        sp.MaskedActorCriticPolicy,
        "CartPole-v1",
        {**ON, "batch_size": 16},
    ),
    "A2C": (sb3.A2C, sp.MaskedActorCriticPolicy, "CartPole-v1", {"n_steps": 16}),
    "TRPO": (
        contrib.TRPO,
        sp.MaskedActorCriticPolicy,
        "Pendulum-v1",
        {**ON, "batch_size": 16},
    ),
    "MaskablePPO": (
        contrib.MaskablePPO,
        sp.MaskedMaskableActorCriticPolicy,
        MaskableCartPole,
        {**ON, "batch_size": 16},
    ),
    "RecurrentPPO": (
        contrib.RecurrentPPO,
        sp.MaskedRecurrentActorCriticPolicy,
        "CartPole-v1",
        {**ON, "batch_size": 16},
    ),
}
"""Algorithm name -> class, masked policy, environment, arguments."""

ALGORITHMS = list(CASES)
WITH_TARGETS = ["DQN", "QRDQN", "BranchingDQN", "SAC", "TD3", "DDPG", "TQC"]
TWIN_CRITICS = ["SAC", "TD3", "TQC", "CrossQ"]


def make_env(name: str) -> Any:
    """Make the environment of an algorithm."""
    env = CASES[name][2]
    return gym.make(env) if isinstance(env, str) else env()


def make_model(
    name: str, *, stock: bool = False, seed: int = 0, **kwargs: Any
) -> BaseAlgorithm:
    """Make a tiny model, with the masked policy or the stock one."""
    cls, policy, _, arguments = CASES[name]
    chosen = "MlpPolicy"
    if name == "RecurrentPPO":
        chosen = "MlpLstmPolicy"
    policy_kwargs: dict[str, Any] = {"net_arch": list(ARCH)}
    if name == "RecurrentPPO":
        policy_kwargs["lstm_hidden_size"] = 8
    policy_kwargs |= kwargs.pop("policy_kwargs", {})
    return cls(
        chosen if stock else policy,
        make_env(name),
        seed=seed,
        device="cpu",
        policy_kwargs=policy_kwargs,
        **{**arguments, **kwargs},
    )


def train(model: BaseAlgorithm, steps: int = 64, **kwargs: Any) -> BaseAlgorithm:
    """Train for a few steps."""
    with warnings.catch_warnings():
        # gSDE, TRPO and old numpy idioms inside SB3 may warn; not ours to judge.
        warnings.simplefilter("ignore")
        return model.learn(steps, **kwargs)


def clone(model: BaseAlgorithm) -> BaseAlgorithm:
    """Copy a model with its buffers, optimisers and random state of the spaces."""
    twin = copy.copy(model)
    memo: dict[int, Any] = {id(model.env): model.env}
    for key, value in vars(model).items():
        setattr(twin, key, copy.deepcopy(value, memo))
    return twin


def observations(model: BaseAlgorithm, count: int = 64, seed: int = 0) -> np.ndarray:
    """Draw observations."""
    rng = np.random.default_rng(seed)
    shape = (count, *model.observation_space.shape)  # type: ignore[misc]
    return rng.normal(size=shape).astype(np.float32)


@torch.no_grad()
def outputs(model: BaseAlgorithm, count: int = 64) -> list[torch.Tensor]:
    """Return what every network, targets included, says about random inputs."""
    policy = model.policy
    obs = torch.as_tensor(observations(model, count))
    modes = {m: m.training for m in policy.modules()}
    policy.eval()
    found = []
    for chain in policy_chains(policy):
        inputs = next(m for m in chain.body if hasattr(m, "in_features")).in_features
        sample = torch.randn(
            count, inputs, generator=torch.Generator().manual_seed(inputs)
        )
        latent = chain.body(sample)
        found.append(latent if not chain.heads else torch.zeros(0))
        for slot in chain.heads:
            if slot.attribute == "weight":
                found.append(slot.owner(latent))
    del obs
    for module, mode in modes.items():
        module.training = mode
    return found


def close(a: list[torch.Tensor], b: list[torch.Tensor], atol: float) -> None:
    """Assert that two lists of outputs are equal within a tolerance."""
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, atol=atol, rtol=atol)


def is_off_policy(model: BaseAlgorithm) -> bool:
    """Tell off-policy algorithms from on-policy ones."""
    return isinstance(model, OffPolicyAlgorithm)


Maker = Callable[[str], BaseAlgorithm]
