"""Environments: make vectorised environments from an id, with fitting actions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_prune_envs
import torch
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from sb3_contrib.common.maskable.distributions import make_masked_proba_distribution
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from sb3_prune_envs.config import ActionMode
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.cli.surroundings import NOTHING, Surroundings
from sb3_prune.cli.wrappers import find_wrappers, wrapped
from sb3_prune.exceptions import (
    ConfigError,
    NonFiniteError,
    SB3PruneError,
    UnknownNameError,
    require_at_least,
    require_seed,
)

Space = spaces.Space[Any]

MODES: tuple[ActionMode, ...] = ("branch", "continuous", "joint", "single")
"""Action modes of the planar arms, in the order in which they are tried."""
TEST_ENVS = 64
"""Largest number of planar arms in which an agent is evaluated at once."""
_ARM = "sb3_prune_envs.planar_arm:PlanarArmEnv"
LIMIT = "max_episode_steps"
"""Argument of ``gymnasium.make`` that ends episodes."""


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
    around: Surroundings = NOTHING
    """What the environments are wrapped in."""

    def make(
        self, n_envs: int, seed: int | None = None, *, learning: bool = True
    ) -> VecEnv:
        """Make environments, with images as SB3 transposes them.

        Args:
            n_envs: Number of environments.
            seed: Seed of the environments.
            learning: Whether statistics that normalise observations learn, and scale
                rewards if they did so before.

        Raises:
            ConfigError: The environments cannot be made; the message gives the reason.
                Or the seed, an option, is out of range.
            CheckpointError: The statistics cannot be loaded, or do not fit.
        """
        if seed is not None:
            require_seed("--seed", seed)
        inner = find_wrappers(self.around.wrappers)
        outer = find_wrappers(self.around.vec_wrappers)
        with self._refusing("cannot be made"):
            env = self._make(n_envs, seed, partial(wrapped, wrappers=inner))
            return self.around.wrap(env, outer, learning=learning)

    @contextmanager
    def _refusing(self, what: str) -> Iterator[None]:
        """Name the environment in any error, for users' code can raise any."""
        try:
            yield
        except SB3PruneError:
            raise
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(f"'{self.spec.id}' {what}: {reason}") from error

    def rehearse(self) -> None:
        """Play one step, because some arguments only fail there.

        Raises:
            ConfigError: The environment cannot be made, or it raises an error.
            CheckpointError: The statistics cannot be loaded, or do not fit.
            NonFiniteError: An observation is NaN or infinite.
        """
        env = self.make(1, 0, learning=False)
        with (
            closing(env),
            warnings.catch_warnings(action="ignore"),  # They come again.
            self._refusing("fails in its first step"),
        ):
            for seen in (env.reset(), env.step(_any_action(env))[0]):
                parts = seen.values() if isinstance(seen, dict) else [seen]
                if not all(np.isfinite(part).all() for part in parts):
                    raise NonFiniteError(
                        f"'{self.spec.id}' has NaN or infinity in its observations."
                    )

    def _make(
        self, n_envs: int, seed: int | None, wrapper: Callable[[Any], Any]
    ) -> VecEnv:
        if self.spec.entry_point == _ARM and not self.around.wrappers:
            options = {**self.spec.kwargs, **self.kwargs}
            env: VecEnv = sb3_prune_envs.make_arm_vec(n_envs, **options)
            env.seed(seed)
            return env
        return make_vec_env(
            self.spec.id,
            n_envs,
            seed=seed,
            wrapper_class=wrapper,
            env_kwargs=dict(self.kwargs),
        )

    def make_test(self, episodes: int, seed: int) -> VecEnv:
        """Make environments to evaluate an agent in; statistics are frozen."""
        arms = self.spec.entry_point == _ARM
        n_envs = min(episodes, TEST_ENVS) if arms else 1
        return self.make(n_envs, seed, learning=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what is needed to make the environments anew."""
        made = {"id": self.spec.id, "kwargs": dict(self.kwargs)}
        return made | self.around.to_dict()


def find_env(
    env_id: str,
    kwargs: Mapping[str, Any],
    accepts: Callable[[Space], bool],
    around: Surroundings = NOTHING,
) -> EnvMaker:
    """Return the maker of an environment.

    A planar arm gets the first action mode that the agent accepts, unless ``kwargs``
    or the id names an action mode. This is ``branch`` for BranchingDQN and PPO,
    ``joint`` for DQN and ``continuous`` for SAC.

    Args:
        env_id: Gymnasium id, maybe with the module that registers it: ``module:id``.
        kwargs: Arguments of the environment.
        accepts: Function that tells whether the agent can act in an action space.
        around: What the environments are wrapped in.

    Raises:
        UnknownNameError: There is no such environment.
        ConfigError: The module does not exist, or the environment cannot be made or
            played; the message gives the reason.
        CheckpointError: The statistics cannot be loaded, or do not fit.
        NonFiniteError: An observation is NaN or infinite.
    """
    maker = _find_maker(env_id, kwargs, accepts, around)
    if (
        kwargs.get(LIMIT) is not None
    ):  # Without one, Gymnasium's -1, a test may not end.
        require_at_least(LIMIT, kwargs[LIMIT])
    maker.rehearse()
    return maker


def _find_maker(
    env_id: str,
    kwargs: Mapping[str, Any],
    accepts: Callable[[Space], bool],
    around: Surroundings,
) -> EnvMaker:
    module, _, name = env_id.rpartition(":")
    modules = dict.fromkeys([*around.modules, *([module] if module else [])])
    around = replace(around, modules=list(modules))
    maker = EnvMaker(_find_spec(name, around.modules), kwargs, around)
    is_arm = str(maker.spec.entry_point).startswith("sb3_prune_envs.")
    if not is_arm or "action_mode" in {**maker.spec.kwargs, **kwargs}:
        return maker
    for mode in MODES:
        candidate = replace(maker, kwargs={**kwargs, "action_mode": mode})
        if accepts(_action_space(candidate)):
            return candidate
    return maker


def _any_action(env: VecEnv) -> Any:
    """Return an action; where actions can be masked, one that is not."""
    space = env.action_space
    if isinstance(space, spaces.Box) or not is_masking_supported(env):
        space.seed(0)
        return np.array([space.sample()])
    masks = get_action_masks(env)
    chosen = make_masked_proba_distribution(space)
    chosen.proba_distribution(torch.zeros(masks.shape)).apply_masking(masks)
    return chosen.mode().numpy()


def _action_space(maker: EnvMaker) -> Space:
    env = replace(maker, around=NOTHING).make(1)
    env.close()
    return env.action_space


def _find_spec(name: str, modules: Sequence[str]) -> EnvSpec:
    for module in modules:
        try:
            import_module(module)
        except (Exception, SystemExit) as error:  # A user's module can raise any.
            raise ConfigError(f"Environment '{module}:{name}': {error}.") from error
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
