"""Fresh environments: nothing in them has learnt from another agent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
from gymnasium.wrappers import NormalizeObservation, NormalizeReward
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, unwrap_vec_normalize

from sb3_prune.exceptions import ConfigError
from sb3_prune.surgery.flow.ports import by_key

GYMNASIUMS = {NormalizeObservation: "obs_rms", NormalizeReward: "return_rms"}
"""Wrapper of Gymnasium that normalises -> its attribute with what it has seen."""


def fresh_env(
    model: BaseAlgorithm, env: VecEnv | gym.Env[Any, Any] | None = None
) -> VecEnv:
    """Return an environment, wrapped as SB3 does, in which a new agent may learn.

    Args:
        model: An agent whose counterpart is to learn there.
        env: The environment; by default that of the agent.

    Raises:
        ConfigError: It is missing, has other spaces than the agent, is not normalised
            as that of the agent is, or by statistics that have learnt already.
    """
    own = model.get_env()
    if env is None and own is None:
        raise ConfigError("env is missing: the model has none.")
    found = BaseAlgorithm._wrap_env(own if env is None else env)  # type: ignore[arg-type]
    for name in ("observation_space", "action_space"):
        theirs, ours = getattr(found, name), getattr(model, name)
        if theirs != ours:
            noun = name.replace("_", " ")
            raise ConfigError(f"The {noun} of env is {theirs}, that of model {ours}.")
    if own is not None and _is_normalised(found) != _is_normalised(own):
        pair = ("env is", "the model's is not")
        pair = pair if _is_normalised(found) else ("the model's is", "env is not")
        raise ConfigError(f"{pair[0]} normalised by VecNormalize, {pair[1]}.")
    if any(statistics.count >= 1 for statistics in _statistics(found)):
        raise ConfigError(
            "env normalises by statistics that have learnt already, which those of a "
            "new agent have not: pass an environment that is new, too."
        )
    return found


def _is_normalised(env: VecEnv) -> bool:
    return unwrap_vec_normalize(env) is not None


def _statistics(env: VecEnv) -> Iterator[Any]:
    """Yield the running means of all wrappers that normalise."""
    if (outer := unwrap_vec_normalize(env)) is not None:
        yield outer.ret_rms
        # Missing if only rewards are scaled.
        yield from by_key(getattr(outer, "obs_rms", {})).values()
    for wrapper, name in GYMNASIUMS.items():
        if any(env.env_is_wrapped(wrapper)):
            yield from env.get_attr(name)
