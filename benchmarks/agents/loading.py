"""Loading: old zips, with what today's libraries cannot unpickle replaced."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.agents.environments import make, versions
from benchmarks.agents.finding import ALGORITHMS, AgentError, Found, number

DROPPED = ("action_noise", "replay_buffer", "_last_obs", "_last_original_obs")
"""Attributes of a finished training that old zips pickle and nobody needs here."""


@dataclass(frozen=True)
class Agent:
    """An agent that loads, and the environment in which it can act today."""

    found: Found
    """Where it was found."""
    env_id: str
    """Today's version of its environment."""

    @property
    def name(self) -> str:
        """Name of the agent."""
        return self.found.name

    def env(self, count: int) -> VecEnv:
        """Make environments for the agent, with frozen statistics."""
        return make(self.found, self.env_id, count)

    def load(
        self, env: VecEnv, *, learning: bool = False, **changes: Any
    ) -> BaseAlgorithm:
        """Load a fresh copy of the agent.

        Args:
            env: Environments, which give the spaces.
            learning: Whether to attach the environments and a replay buffer.
            **changes: Attributes that replace those in the zip.
        """
        custom = _custom(self.found, env) | changes
        if not learning:
            custom["buffer_size"] = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ALGORITHMS[self.found.algorithm].load(
                self.found.path,
                env if learning else None,
                device="cpu",
                custom_objects=custom,
                force_reset=True,
            )


def open_agent(found: Found) -> Agent:
    """Return an agent in the newest environment whose spaces fit its weights.

    Raises:
        AgentError: Its algorithm is unknown, or it fits no environment; says why.
    """
    if found.algorithm not in ALGORITHMS:
        raise AgentError(f"unknown algorithm '{found.algorithm}'")
    reasons = []
    for env_id in versions(found.env):
        try:
            _try(Agent(found, env_id))
        except Exception as error:  # Environments and pickles raise any exception.
            reasons.append(f"{env_id}: {_short(error)}")
        else:
            return Agent(found, env_id)
    raise AgentError("; ".join(reasons))


def _try(agent: Agent) -> None:
    """Let an agent act once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = agent.env(1)
        try:
            model = agent.load(env)
            env.step(model.predict(env.reset(), deterministic=True)[0])  # type: ignore[arg-type]
        finally:
            env.close()


def _custom(found: Found, env: VecEnv) -> dict[str, Any]:
    """Return replacements for what old zips pickle: spaces, schedules, noise."""
    data, settings = found.data(), found.settings()
    custom: dict[str, Any] = {
        "observation_space": env.observation_space,
        "action_space": env.action_space,
        "exploration_schedule": None,
        "lr_schedule": None,
        "seed": 0,
    }
    custom |= dict.fromkeys((key for key in DROPPED if key in data), None)
    defaults = inspect.signature(ALGORITHMS[found.algorithm]).parameters
    for key in ("learning_rate", "clip_range"):
        if key in data:
            saved = data[key] if isinstance(data[key], int | float) else None
            custom[key] = number(saved or settings.get(key), defaults[key].default)
    return custom


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:120]}"
