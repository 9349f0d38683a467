"""Worlds: environments of which an agent senses and does a part, in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_prune_envs import make_arm_vec
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

ARM = "planar arm"
"""Stands for our arm, of which many are moved at once."""


@dataclass(frozen=True, kw_only=True)
class World:
    """An environment, and what an agent senses and does in it."""

    env: str
    """Id of the environment, or :data:`ARM`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the environment."""
    seen: tuple[int, ...] = ()
    """Observations that the agent gets, in this order; all as they are if empty."""
    acts: tuple[int, ...] = ()
    """Actions that the agent has, in this order; all as they are if empty."""

    def make(self, count: int) -> VecEnv:
        """Make some of these environments, side by side."""
        if self.env == ARM:
            made: VecEnv = make_arm_vec(count, **self.options)
        else:
            made = make_vec_env(self.env, count, env_kwargs=dict(self.options))
        made = Seen(made, self.seen) if self.seen else made
        return Acts(made, self.acts) if self.acts else made


class Seen(VecEnvWrapper):
    """Shows some of the observations.

    Args:
        venv: Environments whose observations are vectors.
        places: Indices of the observations that are shown.
    """

    def __init__(self, venv: VecEnv, places: tuple[int, ...]) -> None:
        whole, self.places = venv.observation_space, list(places)
        assert isinstance(whole, spaces.Box)
        low, high = whole.low[self.places], whole.high[self.places]
        super().__init__(venv, spaces.Box(low, high, dtype=np.float32))

    def reset(self) -> Any:
        """Return what is shown of the first observations."""
        return self._shown(self.venv.reset())

    def step_wait(self) -> VecEnvStepReturn:
        """Return what is shown, also of the observations at the end of episodes."""
        observations, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            if "terminal_observation" in info:
                info["terminal_observation"] = self._shown(info["terminal_observation"])
        return self._shown(observations), rewards, dones, infos

    def _shown(self, observations: Any) -> Any:
        return observations[..., self.places]


class Acts(VecEnvWrapper):
    """Has some of the actions.

    Args:
        venv: Environments whose actions are ``Discrete``.
        places: Indices of the actions that there are.
    """

    def __init__(self, venv: VecEnv, places: tuple[int, ...]) -> None:
        super().__init__(venv, action_space=spaces.Discrete(len(places)))
        self.places = np.array(places)

    def reset(self) -> Any:
        """Return the first observations."""
        return self.venv.reset()

    def step_async(self, actions: np.ndarray) -> None:
        """Do what the actions stand for."""
        self.venv.step_async(self.places[actions])

    def step_wait(self) -> VecEnvStepReturn:
        """Return what came of it."""
        return self.venv.step_wait()
