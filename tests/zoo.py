"""Tiny models of every supported algorithm, and what the tests do with them."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

import sb3_prune as sp
from sb3_prune.networks.perceptrons import Perceptron, find_perceptrons
from sb3_prune.surgery import trial
from sb3_prune.surgery.optimizer import optimizers

OFF: dict[str, Any] = {"learning_starts": 32, "batch_size": 16, "buffer_size": 500}
ON: dict[str, Any] = {"n_steps": 32}
PPO: dict[str, Any] = {**ON, "batch_size": 16}
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
    length = 20

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
        done = self._steps >= self.length
        return self._observe(), float(sum(right)), False, done, {}


CASES: dict[str, tuple[type[BaseAlgorithm], type, Any, dict[str, Any]]] = {
    "DQN": (sb3.DQN, sp.MaskedDQNPolicy, "CartPole-v1", OFF),
    "QRDQN": (contrib.QRDQN, sp.MaskedQRDQNPolicy, "CartPole-v1", OFF),
    "BranchingDQN": (sp.BranchingDQN, sp.BranchingDQNPolicy, Levers, OFF),
    "SAC": (sb3.SAC, sp.MaskedSACPolicy, "Pendulum-v1", OFF),
    "ValueSAC": (sp.ValueSAC, sp.MaskedValueSACPolicy, "Pendulum-v1", OFF),
    "TD3": (sb3.TD3, sp.MaskedTD3Policy, "Pendulum-v1", OFF),
    "DDPG": (sb3.DDPG, sp.MaskedTD3Policy, "Pendulum-v1", OFF),
    "TQC": (contrib.TQC, sp.MaskedTQCPolicy, "Pendulum-v1", OFF),
    "CrossQ": (contrib.CrossQ, sp.MaskedCrossQPolicy, "Pendulum-v1", OFF),
    "PPO": (sb3.PPO, sp.MaskedActorCriticPolicy, "CartPole-v1", PPO),
    "A2C": (sb3.A2C, sp.MaskedActorCriticPolicy, "CartPole-v1", {"n_steps": 8}),
    "TRPO": (contrib.TRPO, sp.MaskedActorCriticPolicy, "Pendulum-v1", PPO),
    "MaskablePPO": (
        contrib.MaskablePPO,
        sp.MaskedMaskableActorCriticPolicy,
        MaskableCartPole,
        PPO,
    ),
    "RecurrentPPO": (
        contrib.RecurrentPPO,
        sp.MaskedRecurrentActorCriticPolicy,
        "CartPole-v1",
        {**PPO, "n_epochs": 4},
    ),
}
"""Algorithm name -> class, masked policy, environment, arguments."""

SMALL = {
    "QRDQN": {"n_quantiles": 8},
    "RecurrentPPO": {"lstm_hidden_size": 8},
    "TQC": {"n_quantiles": 5},
}
"""Further arguments of the policy."""

ALGORITHMS = list(CASES)
OURS = ["BranchingDQN", "ValueSAC"]
STOCK = [name for name in CASES if name not in OURS]
WITH_TARGETS = ["DQN", "QRDQN", "BranchingDQN", "SAC", "ValueSAC", "TD3", "DDPG", "TQC"]
TWIN_CRITICS = ["SAC", "ValueSAC", "TD3", "TQC", "CrossQ"]


def make_env(name: str) -> Any:
    """Make the environment of an algorithm."""
    env = CASES[name][2]
    return gym.make(env) if isinstance(env, str) else env()


def make_model(
    name: str, *, stock: bool = False, seed: int = 0, **kwargs: Any
) -> BaseAlgorithm:
    """Make a tiny model, with the masked policy or the stock one.

    Args:
        name: Name of the algorithm.
        stock: Use SB3's own policy.
        seed: Seed of everything.
        **kwargs: Arguments of the algorithm; ``policy`` and ``env`` among them.
    """
    cls, policy, _, arguments = CASES[name]
    stock_policy = "MlpLstmPolicy" if name == "RecurrentPPO" else "MlpPolicy"
    policy_kwargs = {"net_arch": list(ARCH), **SMALL.get(name, {})}
    policy_kwargs |= kwargs.pop("policy_kwargs", {})
    return cls(
        kwargs.pop("policy", stock_policy if stock else policy),
        kwargs.pop("env", None) or make_env(name),
        seed=seed,
        policy_kwargs=policy_kwargs,
        **{"device": "cpu", **arguments, **kwargs},
    )


def train(model: BaseAlgorithm, steps: int = 64, **kwargs: Any) -> BaseAlgorithm:
    """Train for a few steps."""
    with warnings.catch_warnings():
        # gSDE, TRPO and old numpy idioms inside SB3 may warn; not ours to judge.
        warnings.simplefilter("ignore")
        return model.learn(steps, **kwargs)


def train_on(model: BaseAlgorithm, steps: int = 64) -> BaseAlgorithm:
    """Go on with training."""
    return train(model, steps, reset_num_timesteps=False)


def update(model: BaseAlgorithm, count: int = 1, seed: int = 3) -> None:
    """Take about ``count`` gradient steps on the data that the model has."""
    np.random.seed(seed)
    torch.manual_seed(seed)
    if is_off_policy(model):
        model.train(gradient_steps=count, batch_size=16)  # type: ignore[call-arg]
        return
    for _ in range(-(-count // updates_per_train(model))):
        model.train()  # type: ignore[attr-defined]


def updates_per_train(model: Any) -> int:
    """Return the gradient steps of one ``train()`` of an on-policy algorithm."""
    if not hasattr(model, "batch_size"):
        return 1
    batches: int = model.n_steps * model.n_envs // model.batch_size
    return batches * getattr(model, "n_epochs", 1)


@cache
def trained(name: str) -> BaseAlgorithm:
    """Return a model trained for a few steps, for tests that do not change it."""
    return train(make_model(name))


def copied(name: str) -> Any:
    """Return a copy of the policy of :func:`trained`, optimisers included."""
    return copy_policy(trained(name))


def copy_policy(model: BaseAlgorithm) -> Any:
    """Copy a policy with its optimisers."""
    model.predict(observations(model, 1))  # A distribution that holds no graph.
    twin = copy.deepcopy(model.policy)
    for optimizer in optimizers(twin).values():
        for p in optimizer.param_groups[0]["params"]:
            p.grad = None
    return twin


def random_plan(
    policy: nn.Module, seed: int = 0, least: int = 3, gated: bool = False
) -> sp.Plan:
    """Remove random units, another number of them in every layer.

    Args:
        policy: The policy.
        seed: Seed of the units.
        least: Units that the first layer loses.
        gated: Only of layers with a gate.
    """
    rng = np.random.default_rng(seed)
    changes = {}
    layers = {n: la for n, la in sp.wire(policy).items() if la.gate or not gated}
    for i, (name, layer) in enumerate(layers.items()):
        count = min(least + i % 4, layer.units - 1)
        gone = rng.choice(layer.units, count, replace=False)
        changes[name] = sp.surgery.remove(gone.tolist(), layer.units)
    return sp.Plan(changes)


def observations(model: BaseAlgorithm, count: int = 64, seed: int = 0) -> np.ndarray:
    """Draw observations."""
    rng = np.random.default_rng(seed)
    shape = (count, *model.observation_space.shape)  # type: ignore[misc]
    return rng.normal(size=shape).astype(np.float32)


def actions(model: BaseAlgorithm, count: int = 256) -> np.ndarray:
    """Return the deterministic actions on random observations."""
    return model.predict(observations(model, count), deterministic=True)[0]


def says(policy: nn.Module) -> list[torch.Tensor]:
    """Return what every forward of a policy says, those of targets included."""
    said = trial.outputs(policy, count=64)
    # The logarithm of a drawn action's probability magnifies rounding.
    return [tensor for name, tensor in said if not name.endswith("action_log_prob")]


@torch.no_grad()
def outputs(policy: nn.Module, count: int = 64) -> list[torch.Tensor]:
    """Return what every perceptron, targets included, says about random inputs."""
    modes = {m: m.training for m in policy.modules()}
    policy.eval()
    found = [
        y
        for perceptron in find_perceptrons(policy)
        for y in _outputs(perceptron, count)
    ]
    for module, mode in modes.items():
        module.training = mode
    return found


def _outputs(perceptron: Perceptron, count: int) -> list[torch.Tensor]:
    first = next(m for m in perceptron.body if isinstance(m, nn.Linear))
    generator = torch.Generator().manual_seed(first.in_features)
    inputs = torch.randn(count, first.in_features, generator=generator)
    latent = perceptron.body(inputs.to(first.weight))
    heads = [head for head in perceptron.heads if isinstance(head, nn.Linear)]
    return [head(latent) for head in heads] if perceptron.heads else [latent]


def assert_close(
    found: list[torch.Tensor], expected: list[torch.Tensor], atol: float
) -> None:
    """Assert that two lists of outputs are equal within a tolerance."""
    assert len(found) == len(expected) > 0
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, atol=atol, rtol=atol)


def snapshot(policy: nn.Module) -> dict[str, Any]:
    """Copy all that surgery may touch: weights, buffers, optimiser states, widths."""
    state: dict[str, Any] = {k: v.clone() for k, v in policy.state_dict().items()}
    for name, optimizer in optimizers(policy).items():
        state[name] = copy.deepcopy(optimizer.state_dict())
    state["identities"] = {n: id(p) for n, p in policy.named_parameters()}
    state["modules"] = {n: repr(m) for n, m in policy.named_modules() if n}
    return state


def assert_same(
    found: dict[str, Any], expected: dict[str, Any], *, identities: bool = False
) -> None:
    """Assert that two snapshots are equal, bit for bit."""
    keys = expected.keys() - (set() if identities else {"identities"})
    assert found.keys() == expected.keys()
    for key in sorted(keys):
        assert equal(found[key], expected[key]), key


def equal(a: Any, b: Any) -> bool:
    """Compare nested states, tensors bit for bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


def is_off_policy(model: BaseAlgorithm) -> bool:
    """Tell off-policy algorithms from on-policy ones."""
    return isinstance(model, OffPolicyAlgorithm)


def normalised(env: Any) -> VecNormalize:
    """Normalise observations and rewards."""
    return VecNormalize(env)


@dataclass(frozen=True, kw_only=True)
class NoConfig:
    """No options."""


class FirstUnits(sp.Strategy):
    """Remove the first units of every layer once; remember what was called."""

    name = "first-units"
    Config = NoConfig

    def __init__(self, count: int = 2, width: int | None = None) -> None:
        super().__init__()
        self.count, self.width = count, width
        self.calls: list[str] = []
        self.seen: list[Any] = []

    def attach(self, agent: Any) -> None:
        self.calls.append("attach")

    def detach(self) -> None:
        self.calls.append("detach")

    def propose(self, agent: Any) -> sp.Plan:
        self.calls.append("propose")
        self.seen.append(agent)
        changes = {}
        for name, layer in agent.wiring.items():
            changes[name] = sp.surgery.remove(
                range(self.count), self.width or layer.units
            )
        return sp.Plan(changes)
