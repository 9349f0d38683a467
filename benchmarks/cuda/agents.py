"""Agents whose networks run through different GPU code, such as cuDNN's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

import sb3_prune as sp
from benchmarks.harness import Noise, Pixels

BATCH = 32
OFF = {"learning_starts": BATCH, "batch_size": BATCH, "buffer_size": 1000}
ON = {"n_steps": BATCH, "batch_size": BATCH, "n_epochs": 1}
ARCH = {"net_arch": [24, 16]}


def _sac(device: torch.device, **kwargs: Any) -> BaseAlgorithm:
    return SAC(
        sp.MaskedSACPolicy,
        Noise(),
        policy_kwargs={**ARCH},
        seed=0,
        device=device,
        **OFF,
        **kwargs,
    )


def _pixels(device: torch.device) -> BaseAlgorithm:
    policy = sp.MaskedActorCriticCnnPolicy
    return PPO(policy, Pixels(36), policy_kwargs={**ARCH}, seed=0, device=device, **ON)


def _recurrent(device: torch.device) -> BaseAlgorithm:
    kwargs = {**ARCH, "lstm_hidden_size": 12}
    policy = sp.MaskedRecurrentActorCriticPolicy
    return RecurrentPPO(
        policy, Noise(), policy_kwargs=kwargs, seed=0, device=device, **ON
    )


def _ofexi(device: torch.device) -> BaseAlgorithm:
    kwargs = {**ARCH, "ofe": {"blocks": 3, "units": 8}}
    policy = sp.OFEXiSACPolicy
    return SAC(policy, Noise(), policy_kwargs=kwargs, seed=0, device=device, **OFF)


def _features(device: torch.device) -> BaseAlgorithm:
    kwargs = {**ARCH, "ofe": {"blocks": 3, "units": 8, "norm": "batch"}}
    policy = sp.OFEXiActorCriticPolicy
    return PPO(policy, Noise(), policy_kwargs=kwargs, seed=0, device=device, **ON)


AGENTS: dict[str, Callable[[torch.device], BaseAlgorithm]] = {
    "SAC": _sac,
    "SAC, gSDE": lambda device: _sac(device, use_sde=True),
    "PPO, NatureCNN": _pixels,
    "RecurrentPPO": _recurrent,
    "SAC, OFEXiNet": _ofexi,
    "PPO, OFENet": _features,
}
"""Name -> function that makes a small agent on a device."""


def trained(name: str, device: torch.device) -> BaseAlgorithm:
    """Make an agent and train it for a few steps."""
    model = AGENTS[name](device)
    model.set_logger(Logger(None, []))
    callbacks: list[Any] = []
    if hasattr(model.policy, "ofe"):
        callbacks.append(sp.FeatureCallback(pretraining=2, updates=1))
    with warnings.catch_warnings():
        # SB3 warns about PPO on a GPU, sb3_prune about random features.
        warnings.simplefilter("ignore")
        model.learn(2 * BATCH, callback=callbacks)
    return model


def update(model: BaseAlgorithm, count: int) -> None:
    """Take gradient steps on the data in a model's buffer, with fixed seeds."""
    np.random.seed(3)
    torch.manual_seed(3)
    if isinstance(model, OffPolicyAlgorithm):
        model.train(gradient_steps=count, batch_size=BATCH)
        return
    for _ in range(count):
        model.train()
