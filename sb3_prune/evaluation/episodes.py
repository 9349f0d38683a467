"""Episodes: play whole greedy episodes with an agent and measure its return.

Agents play here as in Stable-Baselines3's ``evaluate_policy``: the statistics of a
``VecNormalize`` stay as they are, and returns are those of the environment itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from sb3_prune.evaluation.intervals import interval
from sb3_prune.exceptions import ConfigError, require_at_least
from sb3_prune.recording.monitors import Monitors
from sb3_prune.recording.normalisation import frozen_statistics
from sb3_prune.recording.player import Player
from sb3_prune.warning import warn

UNREPORTED = (
    "A wrapper around the Monitor of env ends episodes, which the Monitor then never "
    "reports: of {} episodes, return and length are what the agent saw, and not what "
    "the Monitor did."
)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Statistics of greedy episodes."""

    episodes: int
    """Number of episodes."""
    mean_return: float
    """Mean undiscounted return of the episodes."""
    std_return: float
    """Standard deviation of the returns over the episodes."""
    interval: tuple[float, float] | None
    """95 % interval of the mean return over the episodes; None if there is only one.
    How far agents of other seeds would differ is not in it."""
    mean_length: float
    """Mean number of steps of the episodes."""
    success: float | None
    """Share of the episodes whose last info says ``is_success``; None unless the last
    info of every episode says whether it is one."""

    def to_dict(self) -> dict[str, Any]:
        """Return the results by name."""
        return asdict(self)

    def __str__(self) -> str:
        success = "" if self.success is None else f", success {self.success:.1%}"
        sure = ""
        if self.interval is not None:
            low, high = self.interval
            sure = f" (95 % interval {low:.4g} to {high:.4g})"
        return (
            f"{self.mean_return:.4g} ± {self.std_return:.3g}{sure} in "
            f"{self.mean_length:.4g} steps ({self.episodes} episodes){success}"
        )


class Episode(NamedTuple):
    """One greedy episode."""

    total: float
    """Undiscounted return."""
    length: int
    """Number of steps."""
    last_reward: float
    """Reward of the last step."""
    success: bool | None
    """Value of ``is_success`` in the last info; None if it is missing."""


def play(
    model: BaseAlgorithm,
    env: gym.Env[Any, Any] | VecEnv,
    *,
    episodes: int,
    seed: int | None = None,
) -> list[Episode]:
    """Let an agent play greedy episodes.

    LSTM states and action masks are passed to the agent if it uses them. Statistics of
    a ``VecNormalize`` are used but not changed, and rewards are not normalised. Where
    environments have a ``Monitor``, its returns and lengths count, as it sees what
    wrappers around it change. Episodes that such a wrapper ends, and the Monitor never
    reports, count by what the agent saw, with a warning.

    Args:
        model: The agent.
        env: An environment, or a vectorised one with the normalisation of the training.
            Nothing else may use it; it is reset. If the agent trains in it, training
            goes on with a new episode.
        episodes: Number of episodes. They are spread over the environments beforehand,
            as evenly as they can be, so that short episodes are not favoured.
        seed: Seed of the environments; None keeps their present random state.

    Raises:
        ConfigError: ``episodes`` is not positive, ``env`` is no environment, has other
            spaces than the agent, or lacks the normalisation of the agent's own one.
    """
    require_at_least("episodes", episodes)
    env = as_vec_env(env)
    if seed is not None:  # env.seed(None) would draw from NumPy's global state.
        require_at_least("seed", seed, 0)
        env.seed(seed)
    quotas = (episodes + np.arange(env.num_envs)) // env.num_envs
    finished = np.zeros(env.num_envs, dtype=int)
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, dtype=int)
    done: list[Episode] = []
    unreported = 0
    with frozen_statistics(env):
        player = Player(model, env)
        monitors = Monitors(env)
        while (finished < quotas).any():
            rewards, ended = player.step()
            returns += rewards
            lengths += 1
            for i in np.flatnonzero(ended).tolist():
                seen = {"r": returns[i], "l": lengths[i]}
                known = monitors.ended(i, player.infos[i], seen)
                if known is None:  # A lost life, for example, ends no episode.
                    continue
                if finished[i] < quotas[i]:
                    done.append(_episode(known, rewards[i], player.infos[i]))
                    unreported += known is seen and monitors.there[i]
                finished[i] += 1
                returns[i], lengths[i] = 0, 0
    if unreported:
        warn(UNREPORTED.format(unreported))
    return done


def _episode(
    known: Mapping[str, Any], last_reward: float, info: Mapping[str, Any]
) -> Episode:
    success = info.get("is_success")
    return Episode(
        total=float(known["r"]),
        length=int(known["l"]),
        last_reward=float(last_reward),
        success=None if success is None else bool(success),
    )


def as_vec_env(env: gym.Env[Any, Any] | VecEnv) -> VecEnv:
    """Return a vectorised environment as it is, another one as a vector of one.

    Raises:
        ConfigError: It is no environment.
    """
    if isinstance(env, VecEnv):
        return env
    if isinstance(env, gym.Env):
        return DummyVecEnv([lambda: env])
    raise ConfigError(
        "env must be an environment of Gymnasium or a VecEnv of Stable-Baselines3, got "
        f"{type(env).__name__}."
    )


def evaluate(
    model: BaseAlgorithm,
    env: gym.Env[Any, Any] | VecEnv,
    *,
    episodes: int,
    seed: int | None = None,
) -> Evaluation:
    """Return statistics of greedy episodes; see :func:`play` for the arguments."""
    done = play(model, env, episodes=episodes, seed=seed)
    returns = [episode.total for episode in done]
    known = [episode.success for episode in done if episode.success is not None]
    return Evaluation(
        episodes=len(done),
        mean_return=float(np.mean(returns)),
        std_return=float(np.std(returns)),
        interval=interval(returns),
        mean_length=float(np.mean([episode.length for episode in done])),
        success=float(np.mean(known)) if len(known) == len(done) else None,
    )
