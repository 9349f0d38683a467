"""ValidationCallback: stop training once the agent passes its validation test."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium as gym
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, unwrap_vec_normalize

from sb3_prune.evaluation.episodes import as_vec_env
from sb3_prune.evaluation.validation import ValidationTest, success_rate
from sb3_prune.exceptions import require_at_least
from sb3_prune.recording.player import check_normalised


class ValidationCallback(BaseCallback):
    """Test the greedy agent on new episodes and stop ``learn()`` when it passes.

    Every test plays other episodes, so that the agent cannot pass by fitting a fixed
    set. Logs ``validation/success_rate``.

    Args:
        env: Environment for the tests, plain or vectorised; not the training
            environment. If the training one is normalised, wrap it in a
            ``VecNormalize`` as well; it gets the statistics before every test.
        test: The validation test; None takes the default test.
        every: Calls of ``env.step`` between two tests.
        start: Timesteps before which a passed test does not stop training.
        seed: Seed of the episodes of the first test.
        verbose: 1 prints the result of every test.

    Raises:
        ConfigError: ``env`` is no environment, or a number is too small. While
            training, see :func:`~sb3_prune.evaluation.success_rate`.

    Attributes:
        history: ``{"timesteps": ..., "success_rate": ...}`` of every test.
        passed: Whether the agent passed the last test.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any] | VecEnv,
        test: ValidationTest | None = None,
        *,
        every: int = 250,
        start: int = 0,
        seed: int = 0,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        require_at_least("every", every)
        require_at_least("start", start, 0)
        require_at_least("seed", seed, 0)
        self.env = as_vec_env(env)
        self.test = test or ValidationTest()
        self.every = every
        self.start = start
        self.seed = seed
        self.history: list[dict[str, Any]] = []
        self.passed = False

    def _on_step(self) -> bool:
        if self.n_calls % self.every:
            return True
        follow_statistics(self.model, self.env)
        rate = success_rate(
            self.model,
            self.env,
            episodes=self.test.episodes,
            reward=self.test.reward,
            # Environment i gets seed + i: use no seed of an earlier test again.
            seed=self.seed + len(self.history) * self.test.episodes,
        )
        self.passed = self.test.passed(rate)
        self.history.append({"timesteps": self.num_timesteps, "success_rate": rate})
        self.logger.record("validation/success_rate", rate)
        if self.verbose:
            print(f"{self.num_timesteps} steps: {rate:.1%} of the episodes succeed")
        return not (self.passed and self.num_timesteps >= self.start)


def follow_statistics(model: BaseAlgorithm, env: VecEnv) -> None:
    """Give the statistics of the training environment to that of the tests.

    Raises:
        ConfigError: The test environment is not normalised, the training one is.
    """
    check_normalised(model, env)
    own, other = model.get_vec_normalize_env(), unwrap_vec_normalize(env)
    if own is not None and other is not None and own.norm_obs:
        other.obs_rms = copy.deepcopy(own.obs_rms)
