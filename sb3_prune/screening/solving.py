"""Solving: when a training has succeeded, and what it has spent by then."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from sb3_prune.exceptions import (
    UnsupportedPolicyError,
    require_at_least,
    require_finite,
)


@dataclass(frozen=True, kw_only=True)
class SolvedAt:
    """A task is solved when the last episodes of the training return enough on average.

    The returns are those of SB3's ``Monitor``: of the agent as it trains, not greedy.
    """

    level: float = 195.0
    """Least mean return."""
    episodes: int = 100
    """Number of episodes; before so many have ended, nothing is solved."""

    def __post_init__(self) -> None:
        require_finite("level", self.level, None)
        require_at_least("episodes", self.episodes)


class SolvedCallback(BaseCallback):
    """Stop ``learn()`` when a task is solved.

    Args:
        solved: The criterion.
        least: Environment steps before which ``learn()`` goes on even if it is solved.

    Raises:
        UnsupportedPolicyError: When an episode ends: no Monitor tells its return.

    Attributes:
        steps: Environment steps when it was solved; None before.
        updates: SB3's count of updates then; None before.
    """

    def __init__(self, solved: SolvedAt, least: int = 0) -> None:
        super().__init__()
        self.least = least
        self.solved = solved
        self.steps: int | None = None
        self.updates: int | None = None
        self._returns: deque[float] = deque(maxlen=solved.episodes)

    def _on_training_start(self) -> None:
        self.steps = self.updates = None
        self._returns.clear()

    def _on_step(self) -> bool:
        for done, info in zip(self.locals["dones"], self.locals["infos"], strict=True):
            if done:
                self._returns.append(_return_of(info))
        if self.steps is None and self._is_solved():
            self.steps, self.updates = self.num_timesteps, self.model._n_updates
        return self.steps is None or self.num_timesteps < self.least

    def _is_solved(self) -> bool:
        full = len(self._returns) == self.solved.episodes
        return full and fmean(self._returns) >= self.solved.level


def _return_of(info: dict[str, Any]) -> float:
    if "episode" not in info:
        raise UnsupportedPolicyError(
            "An episode ended and no Monitor tells its return: wrap the environment "
            "in stable_baselines3.common.monitor.Monitor."
        )
    return float(info["episode"]["r"])
