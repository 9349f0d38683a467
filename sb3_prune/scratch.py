"""From scratch: an untrained agent that is as small as a pruned one.

Only a small dense net, trained from scratch, can tell whether pruning was worth it.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import VectorizedActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.exceptions import CompactError, ConfigError, UnsupportedPolicyError
from sb3_prune.exporting.widths import twins, width_arguments
from sb3_prune.runs.reloading import reload
from sb3_prune.surgery.masking import remove_closed
from sb3_prune.surgery.weight_masks import maskable, unmasked
from sb3_prune.surgery.wiring import wire
from sb3_prune.transplanting.building import build

Model = TypeVar("Model", bound=BaseAlgorithm)
PROGRESS = (
    *("num_timesteps", "_total_timesteps", "_num_timesteps_at_start"),
    *("_episode_num", "_n_updates", "_n_calls", "start_time"),
    *("_current_progress_remaining", "exploration_rate"),
)
"""Attributes that tell how far a training has come."""


def from_scratch(
    model: Model, env: VecEnv | None = None, *, seed: int | None = None
) -> Model:
    """Return an untrained agent with the widths and hyperparameters of a pruned one.

    Train it for as many steps as the pruned agent had, over several seeds: if it comes
    as far, pruning was not needed. It is an agent as if written by hand with a smaller
    ``net_arch``: of the same algorithm and policy class, with fresh weights, optimisers
    and buffers. Units with a closed gate do not count.

    Networks of one role, such as twin critics, get the width of the widest, which may
    be more than the pruned agent has. Hyperparameters are as they are now: what was
    changed for pruning, such as a learning rate, changed for the small net as well.

    Args:
        model: The pruned agent; it is not changed.
        env: The environment to train in; by default that of the model.
        seed: Seed of its weights and of its environment.

    Raises:
        UnsupportedPolicyError: No argument of the policy class sets the width of a
            layer, such as the channels of a ``NatureCNN``.
        ConfigError: There is no environment, or it is that of the model and its
            ``VecNormalize`` has learnt already, which a new agent could not have.
        TransplantError: The agent cannot be built for the environment.

    Warns:
        UserWarning: Single weights of the pruned agent are masked: the small dense net
            has them all, so it is larger.
    """
    small = reload(type(model), model)
    remove_closed(small)
    try:
        widths = width_arguments(small.policy)
    except CompactError as error:
        raise UnsupportedPolicyError(
            f"There is no small dense agent like this one: {error}"
        ) from None
    kept = {k: v for k, v in model.policy_kwargs.items() if k != "initial_units"}
    found = build(model, _env_of(model, env), {**kept, **widths}, seed)
    _check_widths(small.policy, found.policy)
    _warn_of_masks(small.policy)
    cls: Any = type(model)
    bare = cls(model.policy_class, found.env, _init_setup_model=False)
    for name in PROGRESS:
        if hasattr(bare, name):
            setattr(found, name, getattr(bare, name))
    _restart_noise(found)
    assert isinstance(found, type(model))
    return found


def _env_of(model: BaseAlgorithm, env: VecEnv | None) -> VecEnv:
    if env is not None:
        return env
    if (own := model.get_env()) is None:
        raise ConfigError("env is missing: the model has none.")
    if model.get_vec_normalize_env() is not None:
        raise ConfigError(
            "env is missing: that of the model is normalised by statistics that have "
            "learnt already. Pass one with a VecNormalize of its own."
        )
    return own


def _check_widths(pruned: BasePolicy, small: BasePolicy) -> None:
    """Check that a policy class has heard of its widths.

    Raises:
        UnsupportedPolicyError: A layer has another width.
    """
    widest = wire(pruned).units()
    for layers in twins(pruned):
        most = max(layer.units for layer in layers)
        widest |= {layer.name: most for layer in layers}
    if (units := wire(small).units()) != widest:
        raise UnsupportedPolicyError(
            f"{type(small).__name__} does not build the widths that it is told: "
            f"expected {widest}, got {units}."
        )


def _restart_noise(model: Any) -> None:
    """Let noise on actions begin anew, for as many environments as there are."""
    noise = getattr(model, "action_noise", None)
    if isinstance(noise, VectorizedActionNoise):
        model.action_noise = noise = noise.base_noise
    if noise is not None:
        noise.reset()


def _warn_of_masks(policy: BasePolicy) -> None:
    present = unmasked(policy)
    every = sum(module.weight.numel() for module in maskable(policy).values())
    if present < every:
        warnings.warn(
            f"{every - present:,} of {every:,} weights of the pruned agent are masked: "
            "the small dense agent has all of them.",
            stacklevel=3,
        )
