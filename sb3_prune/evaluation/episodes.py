"""Episodes: play whole greedy episodes with an agent and measure its return."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.recording.player import Player


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Statistics of greedy episodes."""

    episodes: int
    """Number of episodes."""
    mean_return: float
    """Mean undiscounted return of the episodes."""
    std_return: float
    """Standard deviation of the returns over the episodes."""
    mean_length: float
    """Mean number of steps of the episodes."""
    success: float | None
    """Share of the episodes with ``is_success`` in their last info; None if the
    environment does not report ``is_success``."""

    def to_dict(self) -> dict[str, Any]:
        """Return the results by name."""
        return asdict(self)

    def __str__(self) -> str:
        success = "" if self.success is None else f", success {self.success:.1%}"
        return (
            f"{self.mean_return:.4g} ± {self.std_return:.3g} in {self.mean_length:.4g} "
            f"steps ({self.episodes} episodes){success}"
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
    model: BaseAlgorithm, env: VecEnv, *, episodes: int, seed: int | None = None
) -> list[Episode]:
    """Let an agent play greedy episodes.

    LSTM states and action masks are passed to the agent if it uses them.

    Args:
        model: The agent.
        env: Vectorised environment that nothing else uses; it is reset.
        episodes: Number of episodes. They are spread evenly over the environments, so
            that short episodes are not favoured.
        seed: Seed of the environments; None keeps their present random state.
    """
    env.seed(seed)
    player = Player(model, env)
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, dtype=int)
    quota = -(-episodes // env.num_envs)
    finished = np.zeros(env.num_envs, dtype=int)
    done: list[Episode] = []
    while len(done) < episodes:
        rewards, ended = player.step()
        returns += rewards
        lengths += 1
        for i in np.flatnonzero(ended & (finished < quota)):
            success = player.infos[i].get("is_success")
            known = None if success is None else bool(success)
            done.append(Episode(returns[i], int(lengths[i]), rewards[i], known))
        finished += ended
        returns[ended], lengths[ended] = 0, 0
    return done[:episodes]


def evaluate(
    model: BaseAlgorithm, env: VecEnv, *, episodes: int, seed: int | None = None
) -> Evaluation:
    """Return statistics of greedy episodes; see :func:`play` for the arguments."""
    done = play(model, env, episodes=episodes, seed=seed)
    returns = [episode.total for episode in done]
    known = [episode.success for episode in done if episode.success is not None]
    return Evaluation(
        episodes=len(done),
        mean_return=float(np.mean(returns)),
        std_return=float(np.std(returns)),
        mean_length=float(np.mean([episode.length for episode in done])),
        success=float(np.mean(known)) if known else None,
    )
