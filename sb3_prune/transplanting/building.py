"""Building: an untrained model for other spaces, or of another algorithm."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from sb3_prune.exceptions import TransplantError
from sb3_prune.policies.adoption import MASKED
from sb3_prune.transplanting.buffers import chosen_buffers
from sb3_prune.transplanting.converting import (
    check_algorithms,
    chosen_kwargs,
    hyperparameters,
)

OF_THE_ENV = (
    *("observation_space", "action_space", "n_envs", "env", "_vec_normalize_env"),
    *("_last_obs", "_last_episode_starts", "_last_original_obs", "_last_lstm_states"),
    *("ep_info_buffer", "ep_success_buffer", "replay_buffer", "rollout_buffer"),
)
"""Attributes that belong to an environment."""


def build(
    old: BaseAlgorithm,
    env: Any,
    policy_kwargs: Mapping[str, Any],
    seed: int | None,
    algorithm: type[BaseAlgorithm] | None = None,
) -> BaseAlgorithm:
    """Build an untrained model with the hyperparameters of another one.

    Args:
        old: The other model.
        env: Its environment, which may have other spaces.
        policy_kwargs: Arguments of its policy.
        seed: Seed of its weights and of its environment.
        algorithm: Its class, by default that of the other model. It has its defaults
            for what the other one lacks.

    Raises:
        TransplantError: There is no such model, because the algorithm cannot act in the
            environment, for example, or has other networks.
    """
    cls = algorithm or type(old)
    check_algorithms(type(old), cls)
    make = _built if cls is type(old) else partial(_converted, cls)
    try:
        return make(old, env, policy_kwargs, seed)
    except Exception as error:  # Policies and optimisers of users may raise anything.
        raise TransplantError(
            f"{cls.__name__} cannot be built for env with policy_kwargs = "
            f"{dict(policy_kwargs)} and seed = {seed}: {type(error).__name__}: {error}"
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
    new.policy_class = _policy_class(old, new.observation_space, cls)
    for name, value in chosen_buffers(old, new.observation_space).items():
        setattr(new, name, copy.deepcopy(value))
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


def _converted(
    cls: Any,
    old: BaseAlgorithm,
    env: Any,
    policy_kwargs: Mapping[str, Any],
    seed: int | None,
) -> BaseAlgorithm:
    """Build a model of another algorithm."""
    # SB3 refuses the name "MlpPolicy" for dictionaries.
    bare = cls(cls.policy_aliases["MlpPolicy"], env, _init_setup_model=False)
    given = hyperparameters(old, cls)
    buffers = chosen_buffers(old, bare.observation_space)
    given |= {name: buffers[name] for name in given if name in buffers}
    new: BaseAlgorithm = cls(
        _policy_class(old, bare.observation_space, cls),
        bare.env,
        policy_kwargs=chosen_kwargs(old, policy_kwargs),
        seed=seed,
        device=old.device,
        **given,
    )
    if not isinstance(new, OffPolicyAlgorithm):
        new.num_timesteps = old.num_timesteps
    return new


def _policy_class(
    old: BaseAlgorithm, space: spaces.Space[Any], algorithm: type[BaseAlgorithm]
) -> Any:
    """Return the class of the policy.

    SB3 has others for dictionaries of observations, and for masks of actions.

    Raises:
        ValueError: It is a class that SB3 does not know.
    """
    kinds = [isinstance(s, spaces.Dict) for s in (old.observation_space, space)]
    cls, aliases = type(old), algorithm.policy_aliases
    same = cls is algorithm or issubclass(old.policy_class, aliases["MlpPolicy"])
    if kinds[0] == kinds[1] and same:
        return old.policy_class
    stock: dict[Any, Any] = {mask: plain for plain, mask in MASKED.items()}
    plain: Any = stock.get(old.policy_class, old.policy_class)
    stem = {made: alias for alias, made in cls.policy_aliases.items()}.get(plain)
    if stem is None:
        raise ValueError(
            f"nobody knows the counterpart of {old.policy_class.__name__} for {space}; "
            "build the new agent with a policy of your own, and call transplant_into"
        )
    if kinds[0] != kinds[1]:
        ending = "LstmPolicy" if stem.endswith("LstmPolicy") else "Policy"
        stem = f"{'MultiInput' if kinds[1] else 'Mlp'}{ending}"
    found = aliases[stem]
    return found if plain is old.policy_class else MASKED[found]


def _tensors(model: BaseAlgorithm) -> set[str]:
    """Return the attributes that hold networks, optimisers and tensors."""
    networks, tensors = model._get_torch_save_params()
    return {name.partition(".")[0] for name in (*networks, *tensors)}
