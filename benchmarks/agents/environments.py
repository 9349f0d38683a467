"""Environments: today's version of the one in which an agent was trained."""

from __future__ import annotations

import ast
import importlib
import pickle
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

import gymnasium as gym
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecNormalize

from benchmarks.agents.finding import AgentError, Found

OPTIONAL = ("ale_py", "minigrid", "panda_gym", "gymnasium_robotics")
"""Packages that register environments when they are imported, if they are there."""
TIME = "sb3_contrib.common.wrappers.TimeFeatureWrapper"
MOVED = {"utils.wrappers.TimeFeatureWrapper": TIME}
"""Wrappers that RL Zoo had and sb3-contrib has today."""
Wrapper = Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]


@cache
def _register() -> None:
    for name in OPTIONAL:
        with suppress(ImportError):
            module = importlib.import_module(name)
            gym.register_envs(module)


def versions(name: str) -> list[str]:
    """Return the registered versions of an environment, the newest first.

    Raises:
        AgentError: There is none.
    """
    _register()
    base = re.sub(r"-v\d+$", "", name)
    found = [i for i in gym.registry if re.fullmatch(re.escape(base) + r"-v\d+", i)]
    if not found:
        raise AgentError(f"no environment '{base}' is registered")
    return sorted(found, key=lambda i: int(i.rpartition("-v")[2]), reverse=True)


def make(found: Found, env_id: str, count: int) -> VecEnv:
    """Make environments as the agent saw them: wrapped, normalised, stacked.

    Statistics are frozen and rewards are those of the environment.

    Raises:
        AgentError: A wrapper or the statistics cannot be loaded.
    """
    settings = found.settings()
    env = make_vec_env(
        env_id,
        count,
        env_kwargs=found.env_kwargs(),
        wrapper_class=partial(_wrapped, wrappers=wrappers(settings.get("env_wrapper"))),
    )
    env = normalised(env, found)
    frames = int(settings.get("frame_stack") or 1)
    return VecFrameStack(env, frames) if frames > 1 else env


def wrappers(given: Any) -> list[Wrapper]:
    """Return RL Zoo's ``env_wrapper``: names, or mappings of a name to arguments."""
    if given in (None, "None"):
        return []
    chosen = given if isinstance(given, list) else [given]
    return [_wrapper(one) for one in chosen]


def normalised(env: VecEnv, found: Found) -> VecEnv:
    """Normalise observations by the agent's saved statistics, if it has any.

    Raises:
        AgentError: The agent was normalised, but its statistics are missing.
    """
    path = found.beside("vecnormalize.pkl")
    if not path.is_file():
        if _wants(found.settings()):
            raise AgentError("was normalised, but has no vecnormalize.pkl")
        return env
    with path.open("rb") as file:
        old = Unpickler(file).load()
    new = VecNormalize(
        env,
        training=False,
        norm_obs=old.norm_obs,
        norm_reward=False,
        clip_obs=old.clip_obs,
        epsilon=old.epsilon,
    )
    new.obs_rms = old.obs_rms
    return new


class Unpickler(pickle.Unpickler):
    """Reads pickles that were written with Gym instead of Gymnasium."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class by its name of today."""
        parts = module.split(".")
        today = ".".join(["gymnasium", *parts[1:]]) if parts[0] == "gym" else module
        return super().find_class(today, name)


def _wrapped(env: gym.Env[Any, Any], wrappers: list[Wrapper]) -> gym.Env[Any, Any]:
    for wrapper in wrappers:
        env = wrapper(env)
    return env


def _wrapper(given: Any) -> Wrapper:
    path, kwargs = next(iter(given.items())) if isinstance(given, dict) else (given, {})
    module, _, name = (MOVED.get(path) or str(path)).rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise AgentError(f"its wrapper '{path}' is not here: {error}") from error
    return partial(cls, **(kwargs or {}))


def _wants(settings: dict[str, Any]) -> bool:
    """Return whether an agent was trained on normalised observations."""
    value = settings.get("normalize", False)
    if isinstance(value, str):
        value = ast.literal_eval(value)
    if isinstance(value, dict):
        return bool(value.get("norm_obs", True))
    return bool(value)
