"""ValidationCallback: stop training once the agent passes its validation test."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.evaluation.validation import ValidationTest, success_rate


class ValidationCallback(BaseCallback):
    """Test the greedy agent on fresh episodes and stop ``learn()`` when it passes.

    Every test draws new episodes, so that a fixed set cannot be fitted. Logs
    ``validation/success_rate``.

    Args:
        env: Vectorised environment of its own, not the one trained in.
        test: What to pass.
        every: Calls of ``env.step`` between two tests.
        start: Timesteps before which passing does not stop training.
        seed: Seed of the first test's episodes.
        verbose: 1 prints every test.

    Attributes:
        history: ``{"timesteps": ..., "success_rate": ...}`` of every test.
        passed: Whether the last test was passed.
    """

    def __init__(
        self,
        env: VecEnv,
        test: ValidationTest | None = None,
        *,
        every: int = 250,
        start: int = 0,
        seed: int = 0,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        self.env = env
        self.test = test or ValidationTest()
        self.every = every
        self.start = start
        self.seed = seed
        self.history: list[dict[str, Any]] = []
        self.passed = False

    def _on_step(self) -> bool:
        if self.n_calls % self.every:
            return True
        rate = success_rate(
            self.model,
            self.env,
            episodes=self.test.episodes,
            reward=self.test.reward,
            # Environment i gets seed + i: stay clear of the tests before.
            seed=self.seed + len(self.history) * self.test.episodes,
        )
        self.passed = self.test.passed(rate)
        self.history.append({"timesteps": self.num_timesteps, "success_rate": rate})
        self.logger.record("validation/success_rate", rate)
        if self.verbose:
            print(f"{self.num_timesteps} steps: {rate:.1%} of the episodes succeed")
        return not (self.passed and self.num_timesteps >= self.start)
