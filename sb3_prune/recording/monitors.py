"""Monitors: what they say of the episodes that end in a vectorised environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, is_vecenv_wrapped

from sb3_prune.exceptions import ConfigError

MOST_LIVES = 1000
"""Ends in a row without one of the Monitor's episode, at most."""


class Monitors:
    """Tells lost lives, after which a Monitor's episode goes on, from episodes' ends.

    A wrapper around a ``Monitor`` may end episodes. If it then resets what is inside,
    the Monitor begins anew and never reports the episode, which is over all the same.

    Args:
        env: A vectorised environment that was just reset.

    Attributes:
        there: Whether each environment has a Monitor.
    """

    def __init__(self, env: VecEnv) -> None:
        self.env = env
        self._inside = env.env_is_wrapped(Monitor)
        whole = is_vecenv_wrapped(env, VecMonitor)
        self.there = [whole or inside for inside in self._inside]
        self._begun = [self._beginning(i) for i in range(env.num_envs)]
        self._lives = [0] * env.num_envs

    def ended(
        self, i: int, info: Mapping[str, Any], seen: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Return what is known of an episode that ended; None if it was a lost life.

        Call this once at every end.

        Args:
            i: Number of the environment.
            info: The last info of the episode.
            seen: What the agent saw since the last episode, as a Monitor would tell it.

        Raises:
            ConfigError: All recent ends were lost lives, so the episode may never end.
        """
        before, self._begun[i] = self._begun[i], self._beginning(i)
        told: Mapping[str, Any] | None = info.get("episode") if self.there[i] else None
        if told is not None or not self.there[i] or self._begun[i] != before:
            self._lives[i] = 0
            return seen if told is None else told
        self._lives[i] += 1
        if self._lives[i] > MOST_LIVES:
            raise ConfigError(
                f"env has ended {MOST_LIVES} times without the end of an episode that "
                "its Monitor sees: put the Monitor around the wrapper that ends it."
            )
        return None

    def _beginning(self, i: int) -> int | None:
        """Return the step of its whole life at which a Monitor's episode began."""
        if not self._inside[i]:
            return None
        try:
            steps, rewards = (
                self.env.get_attr(name, [i])[0] for name in ("total_steps", "rewards")
            )
        except AttributeError:  # Environments that only report as a Monitor does.
            return None
        return int(steps) - len(rewards)
