"""Callbacks of the command: evaluate the agent regularly, and show the progress."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm import tqdm

from sb3_prune.callbacks.validation import follow_statistics
from sb3_prune.evaluation.episodes import Evaluation, evaluate
from sb3_prune.surgery.weight_masks import unmasked
from sb3_prune.surgery.wiring import wire


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An evaluation, and which agent it was of."""

    timesteps: int
    """Environment steps before it."""
    units: Mapping[str, int]
    """Layer name -> number of units with an open gate in the agent."""
    weights: int
    """Number of its weights that are not masked."""
    result: Evaluation
    """What the agent achieved."""


class EvaluationCallback(BaseCallback):
    """Evaluate the greedy agent at the start, regularly during training and at the end.

    The last evaluation is of the agent that training leaves, after its last update and
    cut. So two can be at the same step: SB3 learns, and on-policy units are cut, after
    the last step.

    Every evaluation has the same seed, so that the results can be compared. Logs
    ``eval/mean_reward`` and the other keys of SB3's ``EvalCallback``.

    Args:
        env: Environments for the evaluations; not the training environments, whose
            statistics they get if they normalise observations.
        every: Environment steps between two evaluations; None takes a tenth of the
            steps that training will really take, as on-policy rollouts are whole.
        episodes: Number of episodes of each evaluation.
        seed: Seed of the episodes.

    Attributes:
        history: Every evaluation.
        keep: Function that is called with the model and the result of every evaluation.
    """

    def __init__(
        self, env: VecEnv, *, every: int | None, episodes: int, seed: int
    ) -> None:
        super().__init__()
        self.env = env
        self.every = every
        self.episodes = episodes
        self.seed = seed
        self.history: list[Outcome] = []
        self.keep: Callable[[BaseAlgorithm, Evaluation], None] | None = None

    def evaluate(self, model: BaseAlgorithm) -> Evaluation:
        """Return the result of an evaluation, without keeping or logging it."""
        follow_statistics(model, self.env)
        return evaluate(model, self.env, episodes=self.episodes, seed=self.seed)

    def _on_training_start(self) -> None:
        self._due = self.every or max(1, _steps_of(self.model) // 10)
        self._test()

    def _on_step(self) -> bool:
        if self.num_timesteps - self.history[-1].timesteps >= self._due:
            self._test()
        return True

    def _on_training_end(self) -> None:
        self._test()

    def _test(self) -> None:
        result, steps = self.evaluate(self.model), self.model.num_timesteps
        units = wire(self.model.policy).active_units()
        self.history.append(
            Outcome(
                timesteps=steps,
                units=units,
                weights=unmasked(self.model.policy),
                result=result,
            )
        )
        if self.keep is not None:
            self.keep(self.model, result)
        log_evaluation(self.logger, steps, result)


def _steps_of(model: BaseAlgorithm) -> int:
    """Return how many steps training will take: whole rollouts on-policy."""
    rollout = 1
    if isinstance(model, OnPolicyAlgorithm):
        rollout = model.n_steps * model.n_envs
    return math.ceil(model._total_timesteps / rollout) * rollout


def log_evaluation(logger: Logger, steps: int, result: Evaluation) -> None:
    """Log an evaluation, and all values that were recorded before it."""
    logger.record("eval/mean_reward", result.mean_return)
    logger.record("eval/std_reward", result.std_return)
    logger.record("eval/mean_ep_length", result.mean_length)
    if result.success is not None:
        logger.record("eval/success_rate", result.success)
    logger.record("time/total_timesteps", steps, exclude="tensorboard")
    logger.dump(steps)


class ProgressCallback(BaseCallback):
    """Show a progress bar with the number of hidden units on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[None]

    def _on_training_start(self) -> None:
        total = self.model._total_timesteps
        self._bar = tqdm(total=total, unit="step", file=sys.stderr, dynamic_ncols=True)

    def _on_step(self) -> bool:
        self._bar.update(self.training_env.num_envs)
        return True

    def _on_rollout_start(self) -> None:
        # Off-policy rollouts take a step or two: count units only for a redraw.
        if self._bar.n - self._bar.last_print_n >= (self._bar.miniters or 0):
            units = sum(wire(self.model.policy).active_units().values())
            self._bar.set_postfix(units=units, refresh=False)

    def _on_training_end(self) -> None:
        self._bar.close()


def wants_progress(choice: str) -> bool:
    """Tell whether to show a progress bar; for "auto", only on a terminal."""
    return choice == "on" or (choice == "auto" and sys.stderr.isatty())
