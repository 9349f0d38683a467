"""Validation: test whether an agent has learnt its task.

The test is the one-sided binomial test of Feldotto et al. 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.evaluation.episodes import play
from sb3_prune.exceptions import ConfigError, require_at_least, require_finite, shown


@dataclass(frozen=True, kw_only=True)
class ValidationTest:
    r"""Binomial test whether the success rate of an agent is above :math:`\rho`.

    An agent passes with k successes in m episodes if :math:`P(X \ge k) \le \alpha` for
    :math:`X \sim B(m, \rho)`. This rejects the hypothesis that the success rate is at
    most :math:`\rho`: such an agent would pass with a probability of at most
    :math:`\alpha`. With the values of Feldotto et al. 2022, which are the defaults, an
    agent must succeed in 279 of 300 episodes.
    """

    episodes: int = 300
    """Number m of test episodes."""
    rate: float = 0.9
    """Success rate rho that the agent must exceed."""
    alpha: float = 0.05
    """Largest probability of passing by chance with a success rate of at most rho."""
    reward: float | None = None
    """An episode is a success if its last reward is at least this value. If None, it is
    one if its last info says ``is_success``. Arms say so from a last reward of 0.9 on,
    as in the source."""

    def __post_init__(self) -> None:
        require_at_least("episodes", self.episodes)
        for name in ("rate", "alpha"):
            value = getattr(self, name)
            require_finite(name, value)
            if not 0 < value < 1:
                raise ConfigError(f"{name} must be in (0, 1), got {shown(value)}.")
        if self.reward is not None:
            require_finite("reward", self.reward, None)
        if self.required > self.episodes:
            raise ConfigError(
                f"{self.episodes} episodes cannot show a rate above {self.rate} "
                f"at alpha {self.alpha}: use more episodes."
            )

    @property
    def required(self) -> int:
        """Smallest number of successful episodes that passes."""
        # scipy.stats loads for a second; few who import us run the test.
        from scipy.stats import binom  # noqa: PLC0415

        return int(binom.ppf(1 - self.alpha, self.episodes, self.rate)) + 1

    def passed(self, success_rate: float) -> bool:
        """Tell whether an agent with this share of successful episodes passes."""
        return round(success_rate * self.episodes) >= self.required


def success_rate(
    model: BaseAlgorithm,
    env: gym.Env[Any, Any] | VecEnv,
    *,
    episodes: int = 300,
    reward: float | None = None,
    seed: int | None = None,
) -> float:
    """Return the share of greedy episodes that are successes.

    Args:
        model: The agent.
        env: An environment, or a vectorised one; it is reset.
        episodes: Number of episodes, spread evenly over the environments.
        reward: An episode is a success if its last reward is at least this value. If
            None, it is one if its last info says ``is_success``.
        seed: Seed of the environments; None keeps their present random state.

    Raises:
        ConfigError: ``reward`` is no number; or it is None, but an info has no
            ``is_success``.
    """
    if reward is not None:
        require_finite("reward", reward, None)
    done = play(model, env, episodes=episodes, seed=seed)
    if reward is not None:
        return float(np.mean([episode.last_reward >= reward for episode in done]))
    said = [episode.success for episode in done if episode.success is not None]
    if len(said) < len(done):
        raise ConfigError(
            "The environment does not say 'is_success' in the info of an episode's "
            "last step: say which last reward is a success, by the option reward of "
            "ValidationTest or success_rate."
        )
    return float(np.mean(said))
