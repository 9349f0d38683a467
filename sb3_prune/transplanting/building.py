"""Building: an untrained model of the same algorithm, for other spaces."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import (
    DictReplayBuffer,
    DictRolloutBuffer,
    ReplayBuffer,
    RolloutBuffer,
)
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from sb3_prune.exceptions import TransplantError

OF_THE_ENV = (
    *("observation_space", "action_space", "n_envs", "env", "_vec_normalize_env"),
    *("_last_obs", "_last_episode_starts", "_last_original_obs", "_last_lstm_states"),
    *("ep_info_buffer", "ep_success_buffer", "replay_buffer", "rollout_buffer"),
)
"""Attributes that belong to an environment."""
REFUSALS = (AssertionError, AttributeError, RuntimeError, TypeError, ValueError)
"""What SB3 raises if an algorithm does not fit an environment or its arguments."""
CHOSEN = {
    "replay_buffer_class": (ReplayBuffer, DictReplayBuffer),
    "rollout_buffer_class": (RolloutBuffer, DictRolloutBuffer),
}
"""Classes that SB3 chooses by the observation space, by attribute."""


def build(
    old: BaseAlgorithm, env: Any, policy_kwargs: Mapping[str, Any], seed: int | None
) -> BaseAlgorithm:
    """Build an untrained model with the hyperparameters of another one.

    Args:
        old: The other model.
        env: Its environment, which may have other spaces.
        policy_kwargs: Arguments of its policy.
        seed: Seed of its weights and of its environment.

    Raises:
        TransplantError: There is no such model, because the algorithm cannot act in the
            environment, for example.
    """
    try:
        return _built(old, env, policy_kwargs, seed)
    except REFUSALS as error:
        raise TransplantError(
            f"{type(old).__name__} cannot be built for env with policy_kwargs = "
            f"{dict(policy_kwargs)} and seed = {seed}: {error}"
        ) from error


def _built(
    old: BaseAlgorithm, env: Any, policy_kwargs: Mapping[str, Any], seed: int | None
) -> BaseAlgorithm:
    cls: Any = type(old)
    new = cls(old.policy_class, env, device=old.device, _init_setup_model=False)
    left_out = {*OF_THE_ENV, *old._excluded_save_params(), *_tensors(old)}
    for name, value in vars(old).items():
        if name not in left_out:
            setattr(new, name, copy.deepcopy(value))
    new.policy_kwargs, new.seed = dict(policy_kwargs), seed
    for name, classes in CHOSEN.items():
        if getattr(new, name, None) in classes:
            setattr(new, name, None)
    if isinstance(new, OffPolicyAlgorithm):  # Its buffer is empty.
        new.num_timesteps = 0
    if (entropy := getattr(old, "target_entropy", None)) is not None:
        space = old.action_space
        assert isinstance(space, spaces.Box)
        if entropy == -np.prod(space.shape):
            new.target_entropy = "auto"
    new._setup_model()
    made: BaseAlgorithm = new
    return made


def _tensors(model: BaseAlgorithm) -> set[str]:
    """Return the attributes that hold networks, optimisers and tensors."""
    networks, tensors = model._get_torch_save_params()
    return {name.partition(".")[0] for name in (*networks, *tensors)}
