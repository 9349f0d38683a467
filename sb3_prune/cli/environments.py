"""Environments: make vectorised environments from an id, with fitting actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import gymnasium as gym
import sb3_prune_envs
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from sb3_prune_envs.config import ActionMode
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.exceptions import ConfigError, UnknownNameError

Space = spaces.Space[Any]

MODES: tuple[ActionMode, ...] = ("branch", "continuous", "joint", "single")
"""Action modes of the planar arms, in the order in which they are tried."""
TEST_ENVS = 64
"""Largest number of planar arms in which an agent is evaluated at once."""
_ARM = "sb3_prune_envs.planar_arm:PlanarArmEnv"


@dataclass(frozen=True)
class EnvMaker:
    """Makes vectorised environments of one kind.

    Planar arms are stepped all at once (:func:`sb3_prune_envs.make_arm_vec`). Other
    environments are wrapped by ``Monitor`` and stepped one after the other.
    """

    spec: EnvSpec
    """Specification of the environment in Gymnasium's registry."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the environment."""

    def make(self, n_envs: int, seed: int | None = None) -> VecEnv:
        """Make environments.

        Raises:
            ConfigError: The environments cannot be made; the message gives the reason.
        """
        try:
            if self.spec.entry_point == _ARM:
                options = {**self.spec.kwargs, **self.kwargs}
                env: VecEnv = sb3_prune_envs.make_arm_vec(n_envs, **options)
                env.seed(seed)
                return env
            return make_vec_env(
                self.spec.id, n_envs, seed=seed, env_kwargs=dict(self.kwargs)
            )
        except (gym.error.Error, ImportError, TypeError, ValueError) as error:
            raise ConfigError(f"'{self.spec.id}' cannot be made: {error}") from error

    def make_test(self, episodes: int, seed: int) -> VecEnv:
        """Make environments to evaluate an agent in."""
        arms = self.spec.entry_point == _ARM
        return self.make(min(episodes, TEST_ENVS) if arms else 1, seed)


def find_env(
    env_id: str, kwargs: Mapping[str, Any], accepts: Callable[[Space], bool]
) -> EnvMaker:
    """Return the maker of an environment.

    A planar arm gets the first action mode that the agent accepts, unless ``kwargs``
    names an action mode. This is ``branch`` for BranchingDQN and PPO, ``joint`` for DQN
    and ``continuous`` for SAC.

    Args:
        env_id: Gymnasium id, maybe with the module that registers it: ``module:id``.
        kwargs: Arguments of the environment.
        accepts: Function that tells whether the agent can act in an action space.

    Raises:
        UnknownNameError: There is no such environment.
        ConfigError: The module does not exist, or the environment cannot be made.
    """
    maker = EnvMaker(_find_spec(env_id), kwargs)
    is_arm = str(maker.spec.entry_point).startswith("sb3_prune_envs.")
    if not is_arm or "action_mode" in kwargs:
        return maker
    for mode in MODES:
        candidate = EnvMaker(maker.spec, {**kwargs, "action_mode": mode})
        if accepts(_action_space(candidate)):
            return candidate
    return maker


def _action_space(maker: EnvMaker) -> Space:
    env = maker.make(1)
    env.close()
    return env.action_space


def _find_spec(env_id: str) -> EnvSpec:
    module, _, name = env_id.rpartition(":")
    if module:
        try:
            import_module(module)
        except ImportError as error:
            raise ConfigError(f"Environment '{env_id}': {error}.") from error
    try:
        return gym.spec(name)
    except gym.error.Error:
        raise UnknownNameError("environment", name, _newest()) from None


def _newest() -> list[str]:
    """Return the newest version of every registered environment."""
    newest: dict[tuple[str | None, str], EnvSpec] = {}
    for spec in gym.registry.values():
        other = newest.get((spec.namespace, spec.name), spec)
        if (spec.version or 0) >= (other.version or 0):
            newest[spec.namespace, spec.name] = spec
    return [spec.id for spec in newest.values() if not spec.name.startswith("GymV2")]
